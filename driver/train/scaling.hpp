/// \file driver/train/scaling.hpp
/// Fits what turns ADC counts into inputs, on the training events only.
#pragma once

#include <cstdint>
#include <span>

#include "models/engine/event_input.hpp"
#include "runtime/event_set.hpp"

namespace calofuse {
/// Sum over the cells of ADC - pedestal.
double total_charge(std::span<std::uint16_t const> adc, InputScaling const& scaling);

/// `scale` and `asinh_scale` are taken as given; pedestals, energy mean and standard deviation are
/// filled in. `pedestals` (256) may be empty: then those of the store are used, or else the estimate
/// (io/focalh/event_quality.hpp) from `rows` alone.
InputScaling fit_scaling(EventSet const& events,
                         std::span<std::int32_t const> rows,
                         InputScale scale,
                         float asinh_scale,
                         std::vector<float> pedestals);
}  // namespace calofuse
