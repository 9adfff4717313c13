#include "io/focalh/event_quality.hpp"

#include <algorithm>

#include "runtime/error.hpp"

namespace calofuse {
std::vector<float> estimate_pedestals(FocalhEvents const& events, std::int64_t events_per_file)
{
    PedestalEstimator estimator;
    std::vector<std::int64_t> taken(events.data.files.size(), 0);
    for (std::int64_t i = 0; i < events.size(); ++i)
        if (taken[events.file_id[static_cast<std::size_t>(i)]]++ < events_per_file)
            estimator.add(events.event(i));
    return estimator.estimate();
}

std::vector<float> pedestals_of(FocalhEvents const& events)
{
    if (events.pedestals.empty()) return estimate_pedestals(events);
    return {events.pedestals.begin(), events.pedestals.end()};
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
