#include "driver/focalh/example_events.hpp"

#include <numeric>

#include "io/focalh/simulator/simulator.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse::focalh {
Dataset example_events(Context const& ctx, std::int64_t events)
{
    FocalhColumns set;
    set.files.resize(1);
    Simulator const simulator({}, set.map);
    std::int64_t const half = (events + 1) / 2;
    std::vector<std::int16_t> adc(static_cast<std::size_t>(half * kNumChannels));
    for (Label const label : {Label::hadron, Label::electron}) {
        simulator.generate(ctx, {label, 100}, 0, half, Planes::high_gain, adc, {});
        set.adc.insert(set.adc.end(), adc.begin(), adc.end());
        set.label.insert(set.label.end(), static_cast<std::size_t>(half),
                         static_cast<std::uint8_t>(label));
    }
    std::size_t const n = set.label.size();
    set.energy_gev.assign(n, 100);
    set.file_id.assign(n, 0);
    set.event_index.resize(n);
    std::iota(set.event_index.begin(), set.event_index.end(), 0U);
    return make_focalh(set);
}
}  // namespace calofuse::focalh
