/// \file io/focalh/event_quality.hpp
/// Pedestals out of the data themselves, and events in which no cell saw a particle.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/focalh/events.hpp"
#include "runtime/focalh/pedestal_estimator.hpp"

namespace calofuse {
/// An event is an empty trigger if no cell lies more than this above its pedestal [ADC]; a muon
/// leaves about 100 in a cell, the noise is about 5.
inline constexpr float kEmptyTriggerThreshold = 50.0F;

/// From the first `events_per_file` events of each file of a set.
std::vector<float> estimate_pedestals(FocalhEvents const& events,
                                      std::int64_t events_per_file = 256);

/// Pedestals of a set: those of its pedestal file, or the estimate.
std::vector<float> pedestals_of(FocalhEvents const& events);

/// Limit of each channel above which a cell counts as hit: pedestal + threshold, 65535 for unused
/// channels. `is_empty_trigger` compares with it.
std::array<std::uint16_t, kNumChannels> hit_limits(ChannelMap const& map,
                                                   std::span<float const> pedestals,
                                                   float threshold = kEmptyTriggerThreshold);
bool is_empty_trigger(std::uint16_t const* event,
                      std::array<std::uint16_t, kNumChannels> const& limits);
}  // namespace calofuse
