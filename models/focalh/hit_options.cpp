#include "models/focalh/hit_options.hpp"

#include "runtime/settings.hpp"

namespace calofuse {
void visit(Settings& settings, HitOptions& o)
{
    constexpr double kMaxAdc = 8191;
    settings("hits.rule", o.rule,
             "what a hit is: cells that touch inside a module (ccl) or across modules "
             "(ccl_global), what drains to one maximum (watershed), or every cell");
    settings("hits.threshold_adc", o.threshold_adc,
             "energy above which a cell is on, ADC above pedestal", 0, kMaxAdc);
    settings("hits.min_sum_adc", o.min_sum_adc,
             "least energy of a hit of several cells, ADC; not for rule cell", 0, 1e6);
    settings("hits.neighbours", o.neighbours, "nearest hits that each hit has an edge from", 1, 64);
    settings("hits.symmetrise", o.symmetrise,
             "every edge also in the other direction; no effect where each layer searches its own "
             "neighbours (gravnet, dynamic edge_conv)");
}

OptionSchema hit_schema()
{
    return schema_of(HitOptions{.min_sum_adc = default_min_sum_adc(HitRule::ccl)});
}

HitOptions hit_options(Options const& settings)
{
    HitOptions out = read_settings(HitOptions{}, settings);
    if (out.rule == HitRule::cell) out.min_sum_adc = default_min_sum_adc(HitRule::cell);
    return out;
}
}  // namespace calofuse
