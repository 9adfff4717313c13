/// \file driver/scaling.hpp
/// Fits what turns ADC counts into inputs, on the training events only.
#pragma once

#include <cstdint>
#include <span>

#include "models/event_input.hpp"
#include "runtime/event_set.hpp"

namespace calofuse {
/// Quantile of the ADC values of a channel that stands for its pedestal where no pedestal file was
/// given: low enough to be noise in the centre too, where high-energy files always have charge.
inline constexpr double kPedestalQuantile = 0.2;

/// (256) pedestals: the smallest ADC value v with at least a fifth of the rows' values <= v.
std::vector<float> quantile_pedestals(EventSet const& events, std::span<std::int32_t const> rows);

/// Sum over the cells of ADC - pedestal.
double total_charge(std::span<std::uint16_t const> adc, InputScaling const& scaling);

/// `scale` and `asinh_scale` are taken as given; pedestals, energy mean and standard deviation are
/// filled in. `pedestals` (256) may be empty: then those of the store, else the quantiles, are used.
InputScaling fit_scaling(EventSet const& events,
                         std::span<std::int32_t const> rows,
                         InputScale scale,
                         float asinh_scale,
                         std::vector<float> pedestals);
}  // namespace calofuse
