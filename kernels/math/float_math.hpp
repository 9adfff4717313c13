/// \file kernels/math/float_math.hpp
/// exp, expm1, tanh and sigmoid in float without a branch or a call, so that loops over them become
/// vector code; errors are a few units in the last place (float_math_test.cpp).
/// exp: x = k log 2 + r (Cody and Waite), |r| <= log(2) / 2, Taylor series of exp(r), times 2^k.
#pragma once

#include <bit>
#include <cstdint>

#include "runtime/config.hpp"

namespace calofuse {
namespace detail {
struct ExpParts {
    float scale;      ///< 2^k
    float minus_one;  ///< exp(r) - 1
};

CALOFUSE_HD inline ExpParts exp_parts(float x)
{
    // Adding 1.5 * 2^23 rounds to a whole number k and leaves k in the low bits of the sum.
    constexpr float kRound = 12582912.0F;
    float const shifted = x * 1.44269504F + kRound;
    float const k = shifted - kRound;
    float const r = (x - k * 0.693359375F) + k * 2.12194440e-4F;
    float p = 1.0F / 5040;
    p = p * r + 1.0F / 720;
    p = p * r + 1.0F / 120;
    p = p * r + 1.0F / 24;
    p = p * r + 1.0F / 6;
    p = p * r + 0.5F;
    p = p * (r * r) + r;
    std::uint32_t const bits = (std::bit_cast<std::uint32_t>(shifted) << 23U) + 0x3F800000U;
    return {std::bit_cast<float>(bits), p};
}
}  // namespace detail

/// exp(x) for x in [-87, 88]; smaller x give exp(-87) = 1.6e-38, larger ones exp(88) = 1.7e38.
/// NaN stays NaN.
CALOFUSE_HD inline float exp_float(float x)
{
    float const low = x < -87.0F ? -87.0F : x;
    float const clamped = low > 88.0F ? 88.0F : low;
    detail::ExpParts const e = detail::exp_parts(clamped);
    return e.scale + e.scale * e.minus_one;
}

/// exp(x) - 1 for x <= 88, accurate near 0; -1 below -87.
CALOFUSE_HD inline float expm1_float(float x)
{
    float const low = x < -87.0F ? -87.0F : x;
    float const clamped = low > 88.0F ? 88.0F : low;
    detail::ExpParts const e = detail::exp_parts(clamped);
    return (e.scale - 1.0F) + e.scale * e.minus_one;
}

/// 1 / (1 + exp(-x))
CALOFUSE_HD inline float sigmoid_float(float x)
{
    return 1.0F / (1.0F + exp_float(-x));
}

/// tanh(x) = m / (m + 2) with m = exp(2 x) - 1, taken at -|x| where m stays small.
CALOFUSE_HD inline float tanh_float(float x)
{
    float const m = expm1_float(-2.0F * (x < 0 ? -x : x));
    float const t = m / (m + 2.0F);  // = -tanh(|x|)
    return x < 0 ? t : -t;
}
}  // namespace calofuse
