#include "models/focalh/hit_options.hpp"

#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr HitRule kRules[] = {HitRule::ccl, HitRule::ccl_global, HitRule::watershed, HitRule::cell};
constexpr double kMaxAdc = 8191;
}  // namespace

OptionSchema hit_schema()
{
    HitOptions const defaults;
    OptionSpec rule{"hits.rule", std::string(name_of(defaults.rule)),
                    "what a hit is: cells that touch inside a module (ccl) or across modules "
                    "(ccl_global), what drains to one maximum (watershed), or every cell"};
    for (HitRule const r : kRules)
        rule.choices.emplace_back(name_of(r));
    return {rule,
            {"hits.threshold_adc", double{defaults.threshold_adc},
             "energy above which a cell is on, ADC above pedestal", 0, kMaxAdc},
            {"hits.min_sum_adc", double{default_min_sum_adc(HitRule::ccl)},
             "least energy of a hit of several cells, ADC; not for rule cell", 0, 1e6},
            {"hits.neighbours", std::int64_t{defaults.neighbours},
             "nearest hits that each hit has an edge from", 1, 64},
            {"hits.symmetrise", defaults.symmetrise,
             "every edge also in the other direction; no effect where each layer searches its own "
             "neighbours (gravnet, dynamic edge_conv)"}};
}

HitOptions hit_options(Options const& settings)
{
    HitOptions out;
    std::string const& name = settings.get_string("hits.rule");
    bool known = false;
    for (HitRule const rule : kRules) {
        if (name != name_of(rule)) continue;
        out.rule = rule;
        known = true;
    }
    CALOFUSE_CHECK(known, "hits.rule = " << name);  // the table has its choices
    out.threshold_adc = static_cast<float>(settings.get_double("hits.threshold_adc"));
    if (out.rule != HitRule::cell)
        out.min_sum_adc = static_cast<float>(settings.get_double("hits.min_sum_adc"));
    out.neighbours = static_cast<std::int32_t>(settings.get_int("hits.neighbours"));
    out.symmetrise = settings.get_bool("hits.symmetrise");
    return out;
}
}  // namespace calofuse
