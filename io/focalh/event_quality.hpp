/// \file io/focalh/event_quality.hpp
/// Pedestals out of the data themselves, and events in which no cell saw a particle.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/event_set.hpp"

namespace calofuse {
/// An event is an empty trigger if no cell lies more than this above its pedestal [ADC]; a muon
/// leaves about 100 in a cell, the noise is about 5.
inline constexpr float kEmptyTriggerThreshold = 50.0F;
inline constexpr std::uint16_t kMaxAdc = 8191;  ///< 13 bits

/// Pedestal of each channel where no pedestal run is at hand: the most frequent value (smoothed over
/// 9 ADC) within 64 ADC of the smallest one. Good to about 1 ADC where most events leave a cell
/// without signal; for cells that nearly every event hits it is an upper bound. On a simulated test
/// beam (19 files) it is 0 to 5 ADC above the truth, on one file of 350 GeV hadrons -2 to 51; the
/// 20 % quantile is -3 to 66 and -1 to 343 off.
class PedestalEstimator {
  public:
    void add(std::span<std::uint16_t const> adc);  ///< (n, 256)
    std::vector<float> estimate() const;           ///< (256)

  private:
    std::vector<std::uint32_t> counts_ =
        std::vector<std::uint32_t>((kMaxAdc + 1) * kNumChannels);  ///< (8192, 256)
};
/// From the first `events_per_file` events of each file of a set.
std::vector<float> estimate_pedestals(EventSet const& events, std::int64_t events_per_file = 256);

/// Pedestals of a set: those of its pedestal file, or the estimate.
std::vector<float> pedestals_of(EventSet const& events);

/// Limit of each channel above which a cell counts as hit: pedestal + threshold, 65535 for unused
/// channels. `is_empty_trigger` compares with it.
std::array<std::uint16_t, kNumChannels> hit_limits(ChannelMap const& map,
                                                   std::span<float const> pedestals,
                                                   float threshold = kEmptyTriggerThreshold);
bool is_empty_trigger(std::uint16_t const* event,
                      std::array<std::uint16_t, kNumChannels> const& limits);
}  // namespace calofuse
