/// \file kernels/loss/add_losses/math.hpp
/// The formulas of add_losses.hpp in double, for both backends.
#pragma once

#include "kernels/loss/add_losses.hpp"

namespace calofuse {
// Loops of a fixed length over all factors, which then stay in registers of a GPU: a number of an argument
// that only the running thread knows would be fetched from memory of its own.
CALOFUSE_HD inline float sum_of_losses(View<float const, 1> const& part, LossFactors const& factor)
{
    double sum = 0;
    for (int h = 0; h < LossFactors::kMost; ++h)
        if (h < part.shape[0])
            sum += static_cast<double>(factor.of[h]) * static_cast<double>(part[h]);
    return static_cast<float>(sum);
}
CALOFUSE_HD inline float slope_of_loss(float const* dloss,
                                       LossFactors const& factor,
                                       std::int64_t h)
{
    double const outer = dloss == nullptr ? 1.0 : static_cast<double>(dloss[0]);
    double of_h = 0;
    for (int k = 0; k < LossFactors::kMost; ++k)
        if (k == h) of_h = static_cast<double>(factor.of[k]);
    return static_cast<float>(outer * of_h);
}
}  // namespace calofuse
