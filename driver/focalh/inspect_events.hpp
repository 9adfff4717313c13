/// \file driver/focalh/inspect_events.hpp
/// What `inspect` shows of FoCal-H events: groups of files, labels and energies, modules, cells.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "io/focalh/inspect.hpp"

namespace calofuse::commands {
/// Adds the keys total, files, labels, energies, .. board_warning.
void add_events(nlohmann::ordered_json& out, Inspection const& found);
void print_events(Inspection const& found);
}  // namespace calofuse::commands
