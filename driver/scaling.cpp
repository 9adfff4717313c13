#include "driver/scaling.hpp"

#include <cmath>

namespace calofuse {
std::vector<float> quantile_pedestals(EventSet const& events, std::span<std::int32_t const> rows)
{
    constexpr std::size_t kBins = 65536;
    std::vector<float> out(kNumChannels);
    std::vector<std::uint32_t> histogram(kBins);
    auto const needed =
        static_cast<std::uint64_t>(std::ceil(kPedestalQuantile * static_cast<double>(rows.size())));
    for (std::size_t channel = 0; channel < kNumChannels; ++channel) {
        histogram.assign(kBins, 0);
        for (auto const row : rows)
            ++histogram[events.adc[static_cast<std::size_t>(row) * kNumChannels + channel]];
        std::uint64_t below = 0;
        std::size_t value = 0;
        while (value + 1 < kBins && (below += histogram[value]) < needed)
            ++value;
        out[channel] = static_cast<float>(value);
    }
    return out;
}

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
                                                : quantile_pedestals(events, rows);
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
