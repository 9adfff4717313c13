/// \file kernels/focalh/unpack/math.hpp
/// What both twins of unpack compute, to the same bits.
#pragma once

#include "kernels/focalh/unpack.hpp"
#include "kernels/math/asinh.hpp"

namespace calofuse {
/// Sums of pedestals are taken over cells k = s, s + kUnpackSums, .. for each s < kUnpackSums, then
/// sum s takes sum s + 16, then s + 8, .. s + 1.
inline constexpr int kUnpackSums = 32;

template <InputScale kScale>
CALOFUSE_HD inline float unpacked(float adc, float pedestal, float inverse_scale)
{
    if constexpr (kScale == InputScale::asinh) return asinh_f32((adc - pedestal) * inverse_scale);
    if constexpr (kScale == InputScale::log1p) return log1p_nonnegative(adc);
    return adc;
}

/// `energy`: UnpackArgs::energy, or null.
CALOFUSE_HD inline float standardised_total(std::int64_t adc_sum,
                                            double pedestal_sum,
                                            float const* energy)
{
    double mean = 0, scale = 1;
    if (energy != nullptr) {
        mean = static_cast<double>(energy[0]) + energy[1] + energy[2];
        scale = static_cast<double>(energy[3]) + energy[4] + energy[5];
    }
    return static_cast<float>(((static_cast<double>(adc_sum) - pedestal_sum) - mean) * scale);
}
}  // namespace calofuse
