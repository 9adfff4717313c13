#include "io/focalh/event_quality.hpp"

#include <algorithm>

#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr int kSearchWidth = 64;  ///< ADC above the smallest value
constexpr int kSmoothing = 4;     ///< values to either side
}  // namespace

void PedestalEstimator::add(std::span<std::uint16_t const> adc)
{
    for (std::size_t i = 0; i < adc.size(); ++i)
        ++counts_[std::min(adc[i], kMaxAdc) * std::size_t{kNumChannels} + i % kNumChannels];
}

std::vector<float> PedestalEstimator::estimate() const
{
    std::vector<float> out(kNumChannels, 0.0F);
    for (std::size_t c = 0; c < kNumChannels; ++c) {
        auto const count = [&](int adc) -> double {
            bool const inside = adc >= 0 && adc <= kMaxAdc;
            return inside ? counts_[static_cast<std::size_t>(adc) * kNumChannels + c] : 0;
        };
        int first = 0;
        while (first < kMaxAdc && count(first) == 0)
            ++first;
        double best = -1, best_sum = 0;
        for (int adc = first; adc <= std::min<int>(first + kSearchWidth, kMaxAdc); ++adc) {
            double in_window = 0, weighted = 0;
            for (int near = adc - kSmoothing; near <= adc + kSmoothing; ++near) {
                in_window += count(near);
                weighted += near * count(near);
            }
            if (in_window > best) {
                best = in_window;
                best_sum = weighted;
            }
        }
        if (best > 0) out[c] = static_cast<float>(best_sum / best);
    }
    return out;
}

std::vector<float> estimate_pedestals(EventSet const& events, std::int64_t events_per_file)
{
    PedestalEstimator estimator;
    std::vector<std::int64_t> taken(events.files.size(), 0);
    for (std::int64_t i = 0; i < events.size(); ++i)
        if (taken[events.file_id[static_cast<std::size_t>(i)]]++ < events_per_file)
            estimator.add(events.event(i));
    return estimator.estimate();
}

std::vector<float> pedestals_of(EventSet const& events)
{
    return events.pedestals.empty() ? estimate_pedestals(events) : events.pedestals;
}

std::array<std::uint16_t, kNumChannels> hit_limits(ChannelMap const& map,
                                                   std::span<float const> pedestals,
                                                   float threshold)
{
    CALOFUSE_CHECK(pedestals.size() == kNumChannels, pedestals.size() << " pedestals");
    std::array<std::uint16_t, kNumChannels> limits{};
    limits.fill(65535);
    for (Cell const& cell : map.cells) {
        auto const channel = static_cast<std::size_t>(cell.channel);
        float const limit = std::clamp(pedestals[channel] + threshold, 0.0F, 65535.0F);
        limits[channel] = static_cast<std::uint16_t>(limit);
    }
    return limits;
}

bool is_empty_trigger(std::uint16_t const* event,
                      std::array<std::uint16_t, kNumChannels> const& limits)
{
    int hit = 0;
    for (std::size_t c = 0; c < limits.size(); ++c)
        hit |= static_cast<int>(event[c] > limits[c]);
    return hit == 0;
}
}  // namespace calofuse
