/// \file driver/train/record.hpp
/// What a run writes down of where it came from: env.json and data.json.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "driver/train/session.hpp"
#include "driver/train/split.hpp"
#include "runtime/context.hpp"
#include "runtime/dataset.hpp"
#include "runtime/options.hpp"

namespace calofuse {
/// Program, machine, libraries, command line.
nlohmann::ordered_json environment_record(Session const& session,
                                          Context const& ctx,
                                          Options const& settings);

/// The store, its files with what is constant in each (label, energy), what became of their rows, and
/// how many events are in each part.
nlohmann::ordered_json data_record(std::string const& store,
                                   Dataset const& data,
                                   Split const& split);
}  // namespace calofuse
