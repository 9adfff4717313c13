/// \file kernels/math/gaussian.hpp
/// Distribution and density of the standard normal law in float, without a branch or a call, so that
/// loops over them become vector code. Relative errors: a few units in the last place, in the lower
/// tail too (gaussian_test.cpp).
///   cdf(-a) = exp(-a^2 / 2) g(a) for a >= 0, where g(a) = erfcx(a / sqrt 2) / 2 falls slowly:
///   g(a) = t P(t), t = 1 / (1 + 0.3 a), P a minimax fit of degree 9 on 0 <= a <= 14, relative error 4e-9
#pragma once

#include <cmath>

#include "kernels/math/float_math.hpp"

namespace calofuse {
struct Gaussian {
    float cdf;      ///< integral of the density up to x
    float density;  ///< exp(-x^2 / 2) / sqrt(2 pi)
};

/// Both are 0 (or the cdf 1) where they would be below 1e-37, |x| > 13; NaN gives NaN for x * cdf.
CALOFUSE_HD inline Gaussian gaussian(float x)
{
    constexpr float kLargest = 13.0F, kInverseRoot = 0.3989422804F;  // 1 / sqrt(2 pi)
    float const a = x < 0 ? -x : x;
    bool const in_range = a <= kLargest;
    float const b = in_range ? a : kLargest;
    // The square in two parts, or its rounding would be up to 42 units in the last place of the result.
    float const square = b * b, rest = std::fma(b, b, -square);
    float const e = exp_float(-0.5F * square) * (1.0F - 0.5F * rest);
    float const t = 1.0F / (1.0F + 0.3F * b);
    float p = -0x1.51b8aep-6F;
    p = p * t + 0x1.cc4ad2p-4F;
    p = p * t - 0x1.d31562p-3F;
    p = p * t + 0x1.885c6ap-3F;
    p = p * t - 0x1.449992p-4F;
    p = p * t + 0x1.897450p-4F;
    p = p * t + 0x1.413b0ep-4F;
    p = p * t + 0x1.c37dc0p-4F;
    p = p * t + 0x1.e9c536p-4F;
    p = p * t + 0x1.ea3c88p-4F;
    float const tail = in_range ? e * (t * p) : 0.0F;
    return {x < 0 ? tail : 1.0F - tail, in_range ? e * kInverseRoot : 0.0F};
}
}  // namespace calofuse
