#include "driver/train/scaling.hpp"

#include <cmath>

#include "io/focalh/event_quality.hpp"

namespace calofuse {
namespace {
std::vector<float> pedestals_in(EventSet const& events, std::span<std::int32_t const> rows)
{
    PedestalEstimator estimator;
    for (auto const row : rows)
        estimator.add(events.event(row));
    return estimator.estimate();
}
}  // namespace

double total_charge(std::span<std::uint16_t const> adc, InputScaling const& scaling)
{
    double sum = 0;
    for (auto const channel : scaling.channels) {
        auto const c = static_cast<std::size_t>(channel);
        sum += static_cast<double>(adc[c]) - static_cast<double>(scaling.pedestals[c]);
    }
    return sum;
}

InputScaling fit_scaling(EventSet const& events,
                         std::span<std::int32_t const> rows,
                         InputScale scale,
                         float asinh_scale,
                         std::vector<float> pedestals)
{
    InputScaling out;
    out.scale = scale;
    out.asinh_scale = asinh_scale;
    out.channels = events.map.channels();
    out.pedestals = !pedestals.empty()          ? std::move(pedestals)
                    : !events.pedestals.empty() ? events.pedestals
                                                : pedestals_in(events, rows);
    double mean = 0, sum_of_squares = 0, n = 0;
    for (auto const row : rows) {  // Welford
        double const x = total_charge(events.event(row), out);
        n += 1;
        double const delta = x - mean;
        mean += delta / n;
        sum_of_squares += delta * (x - mean);
    }
    double const std = n > 0 ? std::sqrt(sum_of_squares / n) : 0;
    out.energy_mean = mean;
    out.energy_std = std > 0 ? std : 1;
    return out;
}
}  // namespace calofuse
