/// \file driver/commands/result.hpp
/// How commands say what came out: one JSON document, or lines for people, on stdout.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "runtime/dataset.hpp"

namespace calofuse::commands {
using Json = nlohmann::ordered_json;

/// Texts that are not UTF-8 (file names may be anything) come out with replacement characters.
void print_json(Json const& document);
/// `text` and an end of line.
void print_line(std::string_view text);

/// {"read", "written", "dropped": {reason: n}, "clipped"}
Json json_of(EventCounts const& counts);
/// "7600 events read = 7590 written + 10 dropped (10 out_of_range), 3 clipped"
std::string text_of(EventCounts const& counts);
/// 0 for an unknown energy is null in JSON.
Json json_of_energy(float energy_gev);
}  // namespace calofuse::commands
