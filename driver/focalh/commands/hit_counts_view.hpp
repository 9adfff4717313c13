/// \file driver/focalh/commands/hit_counts_view.hpp
/// Numbers of hits and edges as `graphs` shows them: lines, JSON.
#pragma once

#include <string>

#include "driver/commands/result.hpp"
#include "driver/focalh/event_graphs.hpp"

namespace calofuse::commands {
HitCounts sum_of(HitCountsOfGroups const& groups);
Json json_of(HitCounts const& c);
/// {"rule", "threshold_adc", "min_sum_adc", "neighbours", "symmetrise"}
Json settings_of(HitOptions const& options);
/// A line per group and one of all; `out`: the file with the graphs, or empty.
void print_text(HitCountsOfGroups const& groups, HitOptions const& options, std::string const& out);
}  // namespace calofuse::commands
