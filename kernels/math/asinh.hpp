/// \file kernels/math/asinh.hpp
/// asinh, log1p and log in float, branch-free so that loops over them vectorise, and with every rounding
/// spelt out so that host and device give the same bits. Error below 2 units in the last place.
///   log(u) = k ln 2 + log1p(f), u = 2^k (1 + f), 1 + f in [sqrt(1/2), sqrt(2))
///   log1p(f) = f - f^2 / 2 + f^3 P(f): P is a minimax fit of degree 7, relative error 7e-9
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "runtime/config.hpp"

namespace calofuse {
/// log(u + lost) for a normal u > 0 and |lost| <= u / 2^24.
CALOFUSE_HD inline float log_of_sum(float u, float lost)
{
    constexpr std::int32_t kSqrtHalfBits = 0x3f3504f3;
    auto const bits = std::bit_cast<std::int32_t>(u);
    std::int32_t const k = (bits - kSqrtHalfBits) >> 23;
    float const m = std::bit_cast<float>(bits - (k << 23));
    float const f = std::fma(lost, std::bit_cast<float>((127 - k) << 23), m - 1.0F);
    float p = -0x1.38b614p-4F;
    p = std::fma(p, f, 0x1.055d10p-3F);
    p = std::fma(p, f, -0x1.0d85ecp-3F);
    p = std::fma(p, f, 0x1.22d9eep-3F);
    p = std::fma(p, f, -0x1.54722ep-3F);
    p = std::fma(p, f, 0x1.99a00ap-3F);
    p = std::fma(p, f, -0x1.000228p-2F);
    p = std::fma(p, f, 0x1.555554p-2F);
    float const log1p_f = std::fma(f * f, std::fma(f, p, -0.5F), f);
    auto const scale = static_cast<float>(k);
    return std::fma(scale, 0x1.62e430p-1F, std::fma(scale, -0x1.05c610p-29F, log1p_f));
}

/// For normal u > 0.
CALOFUSE_HD inline float log_positive(float u)
{
    return log_of_sum(u, 0.0F);
}

/// For 0 <= t <= 2^100.
CALOFUSE_HD inline float log1p_nonnegative(float t)
{
    float const u = 1.0F + t;
    float const lost = t < 1.0F ? t - (u - 1.0F) : 1.0F - (u - t);  // of t in that sum, exactly
    return log_of_sum(u, lost);
}

/// For |v| <= 2^60; asinh(v) = sign(v) log1p(a + a^2 / (1 + sqrt(a^2 + 1))), a = |v|.
CALOFUSE_HD inline float asinh_f32(float v)
{
    float const a = std::fabs(v);
    float const root = std::sqrt(std::fma(a, a, 1.0F));
    return std::copysign(log1p_nonnegative(std::fma(a, a / (1.0F + root), a)), v);
}
}  // namespace calofuse
