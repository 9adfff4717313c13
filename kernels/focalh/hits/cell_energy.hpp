/// \file kernels/focalh/hits/cell_energy.hpp
/// Energy and limit of one cell, to the same bits on every backend.
#pragma once

#include <cstdint>

#include "runtime/config.hpp"

namespace calofuse {
/// max(0, adc - pedestal); 0 for a NaN pedestal.
CALOFUSE_HD inline float cell_energy(std::uint16_t adc, float pedestal)
{
    float const v = static_cast<float>(adc) - pedestal;
    return v > 0.0F ? v : 0.0F;
}

/// max(threshold, 3 sigma); a NaN sigma counts as 0. A cell above it is on.
CALOFUSE_HD inline float cell_limit(float threshold, float sigma)
{
    float const three_sigma = 3.0F * sigma;
    return three_sigma > threshold ? three_sigma : threshold;
}
}  // namespace calofuse
