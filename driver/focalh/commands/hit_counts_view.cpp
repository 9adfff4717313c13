#include "driver/focalh/commands/hit_counts_view.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace calofuse::commands {
namespace {
double per_event(std::int64_t count, HitCounts const& c)
{
    return static_cast<double>(count) / static_cast<double>(std::max<std::int64_t>(c.events(), 1));
}

void print_counts(std::string const& label, std::string const& energy, HitCounts const& c)
{
    print_line(fmt::format(
        "{:<9} {:>5} {:>9} {:>8.2f} {:>5} {:>7} {:>5} {:>8.1f} {:>8.2f}% {:>8.2f}%", label, energy,
        c.events(), per_event(c.hits(), c), c.min(), c.quantile(0.5), c.max(),
        per_event(c.edges(), c), 100 * per_event(c.with(0), c), 100 * per_event(c.with(1), c)));
}
}  // namespace

HitCounts sum_of(HitCountsOfGroups const& groups)
{
    HitCounts all;
    for (auto const& [key, counts] : groups)
        all += counts;
    return all;
}

Json json_of(HitCounts const& c)
{
    return {{"events", c.events()},
            {"hits_per_event", per_event(c.hits(), c)},
            {"min_hits", c.min()},
            {"median_hits", c.quantile(0.5)},
            {"max_hits", c.max()},
            {"edges_per_event", per_event(c.edges(), c)},
            {"events_without_hits", c.with(0)},
            {"events_with_one_hit", c.with(1)},
            {"share_without_hits", per_event(c.with(0), c)},
            {"share_with_one_hit", per_event(c.with(1), c)}};
}

Json settings_of(HitOptions const& options)
{
    return {{"rule", name_of(options.rule)},
            {"threshold_adc", options.threshold_adc},
            {"min_sum_adc", options.min_sum_adc},
            {"neighbours", options.neighbours},
            {"symmetrise", options.symmetrise}};
}

void print_text(HitCountsOfGroups const& groups, HitOptions const& options, std::string const& out)
{
    print_line(fmt::format("hits: {}, cells above {:g} ADC, {} neighbours{}", name_of(options.rule),
                           options.threshold_adc, options.neighbours,
                           options.symmetrise ? ", symmetric" : ""));
    print_line(fmt::format("\n{:<9} {:>5} {:>9} {:>8} {:>5} {:>7} {:>5} {:>8} {:>9} {:>9}", "label",
                           "GeV", "events", "hits", "min", "median", "max", "edges", "no hit",
                           "one hit"));
    for (auto const& [key, counts] : groups)
        print_counts(name_of(static_cast<Label>(key.first)),
                     key.second > 0 ? fmt::format("{:g}", key.second) : "-", counts);
    print_counts("all", "", sum_of(groups));
    if (!out.empty()) print_line("\n" + out);
}
}  // namespace calofuse::commands
