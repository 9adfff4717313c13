/// \file driver/commands/doctor_data.hpp
/// What is odd about a store, and about settings, before hours are spent on them.
#pragma once

#include <nlohmann/json.hpp>

#include "driver/commands/result.hpp"
#include "driver/train/session.hpp"
#include "runtime/options.hpp"

namespace calofuse::commands {
/// Those of the run; else of the first model that knows all keys that were said.
Options settings_to_look_at(Session const& session, std::string const& run_dir);

/// {"path", "events", "targets": [{"column", "kind", "without", "classes"}], "findings": [{"kind",
/// "about", "text"}]}, `about` a column or a setting; without a path, findings about the settings
/// alone. Kinds: axes, constant, not_finite, target, no_target, imbalance, norm_and_dropout,
/// running_statistics.
Json look_at_data(Options const& settings, std::string const& path);

void print_data(Json const& found);
}  // namespace calofuse::commands
