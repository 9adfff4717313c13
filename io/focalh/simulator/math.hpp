/// \file io/focalh/simulator/math.hpp
/// Elementary functions as short float polynomials, so that loops over them become vector code,
/// and the random numbers of one event. The coefficients are least-maximum fits over the reduced
/// ranges, made for this file; the errors given are those of the fits, below float rounding.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "runtime/random.hpp"

namespace calofuse::simulator {
inline constexpr float kHalfPi = 1.57079633F;

/// atan(p / q) for q > 0, error 7e-9.
inline float atan_ratio(float p, float q)
{
    float const ap = std::abs(p);
    float const t = std::min(ap, q) / std::max(ap, q);
    float const s = t * t;
    float poly = 0.00262224075F;
    poly = poly * s - 0.0151325215F;
    poly = poly * s + 0.0411218366F;
    poly = poly * s - 0.0736670418F;
    poly = poly * s + 0.105739312F;
    poly = poly * s - 0.141859751F;
    poly = poly * s + 0.199903966F;
    poly = poly * s - 0.333329871F;
    float const angle = t + t * s * poly;
    return std::copysign(ap > q ? kHalfPi - angle : angle, p);
}

/// ln x of a normal x > 0, error 7e-9 of the mantissa's part.
inline float log_of(float x)
{
    auto const bits = std::bit_cast<std::uint32_t>(x);
    // exponent such that the mantissa lies in [sqrt(1/2), sqrt(2))
    std::int32_t const exponent = static_cast<std::int32_t>(bits - 0x3f3504f3U) >> 23;
    float const f =
        std::bit_cast<float>(bits - (static_cast<std::uint32_t>(exponent) << 23U)) - 1.0F;
    float poly = 0.0867219199F;
    poly = poly * f - 0.143790132F;
    poly = poly * f + 0.149779937F;
    poly = poly * f - 0.165644251F;
    poly = poly * f + 0.199548756F;
    poly = poly * f - 0.250016988F;
    poly = poly * f + 0.333341659F;
    float const mantissa = f - 0.5F * f * f + f * f * f * poly;
    return static_cast<float>(exponent) * 0.693147181F + mantissa;
}

/// 1 - e^-x for x >= 0, good to a few roundings for small x too; error of 2^f: 2e-9.
inline float one_minus_exp(float x)
{
    float const y = std::max(-x * 1.44269504F, -100.0F);
    float const whole = std::nearbyint(y);
    float const f = y - whole;
    float poly = 0.000154763004F;
    poly = poly * f + 0.00134002698F;
    poly = poly * f + 0.00961800389F;
    poly = poly * f + 0.0555032779F;
    poly = poly * f + 0.240226513F;
    poly = poly * f + 0.693147206F;
    auto const shifted = static_cast<std::uint32_t>(static_cast<std::int32_t>(whole) + 127);
    float const power = std::bit_cast<float>(shifted << 23U);
    return (1.0F - power) - power * f * poly;
}

/// Two standard normals of two words (Box-Muller; the angle is folded into |angle| <= pi/4 and
/// two bits choose the quarter).
inline void normal_pair(std::uint32_t w0, std::uint32_t w1, float& first, float& second)
{
    float const u = 2.0F - std::bit_cast<float>(w0 >> 9U | 0x3f800000U);  // (0, 1]
    float const radius = std::sqrt(std::max(-2.0F * log_of(u), 0.0F));
    float const x = std::bit_cast<float>(w1 >> 9U | 0x3f800000U) - 1.5F;  // [-1/2, 1/2) quarters
    float const s = x * x;
    float const sine =
        x * (1.57079631F + s * (-0.645962938F + s * (0.0796759029F - 0.00459228893F * s)));
    float const cosine =
        1.0F + s * (-1.23370054F + s * (0.253669244F + s * (-0.0208602885F + 0.000904021644F * s)));
    bool const swap = (w1 & 1U) != 0;
    float const signed_radius =
        std::bit_cast<float>(std::bit_cast<std::uint32_t>(radius) | (w1 & 2U) << 30U);
    first = signed_radius * (swap ? sine : cosine);
    second = signed_radius * (swap ? cosine : sine);
}

/// Where the numbers of one event come from: (seed, file, event) and a lane for each use, so that
/// no use shifts the numbers of another.
struct EventKey {
    std::uint64_t seed = 0;
    std::uint32_t file = 0;   ///< identity of (label, energy), see file_identity()
    std::uint64_t event = 0;  ///< index in the file, below 2^44

    static constexpr std::uint64_t kBlocksPerLane = 1U << 16U;
    PhiloxWords words(std::uint32_t lane, std::uint64_t block) const
    {
        return random_words(seed, static_cast<std::uint32_t>(RandomStream::simulate), file,
                            (event * 16 + lane) * kBlocksPerLane + block);
    }
};
enum Lane : std::uint32_t { kShowerLane = 0, kNoiseLane = 1, kLowGainLane = 2, kTimeLane = 3 };

/// Draws one after the other for the physics of an event, in double.
class EventRandom {
  public:
    explicit EventRandom(EventKey const& key) : key_(key) {}

    /// (0, 1)
    double uniform()
    {
        if (next_ == 4) {
            words_ = key_.words(kShowerLane, block_++);
            next_ = 0;
        }
        return (static_cast<double>(words_.w[next_++]) + 0.5) * 0x1p-32;
    }
    double exponential(double mean) { return -mean * std::log(uniform()); }
    double normal()
    {
        if (has_spare_) {
            has_spare_ = false;
            return spare_;
        }
        double const radius = std::sqrt(-2 * std::log(uniform()));
        double const angle = 2 * 3.14159265358979323846 * uniform();
        spare_ = radius * std::sin(angle);
        has_spare_ = true;
        return radius * std::cos(angle);
    }
    /// Poisson, but counting stops at `cap` (by multiplying uniforms: for small means).
    int poisson(double mean, int cap)
    {
        double const limit = std::exp(-mean);
        int count = 0;
        for (double product = uniform(); product > limit && count < cap; product *= uniform())
            ++count;
        return count;
    }
    /// Gamma of mean `shape` and scale 1 (Marsaglia and Tsang, ACM TOMS 26, 2000).
    double gamma(double shape)
    {
        if (shape < 1) return gamma(shape + 1) * std::pow(uniform(), 1 / shape);
        double const d = shape - 1.0 / 3;
        double const c = 1 / std::sqrt(9 * d);
        while (true) {
            double const n = normal();
            double const root = 1 + c * n;
            if (root <= 0) continue;
            double const v = root * root * root;
            if (std::log(uniform()) < 0.5 * n * n + d - d * v + d * std::log(v)) return d * v;
        }
    }
    double beta(double a, double b)
    {
        double const x = gamma(a);
        return x / (x + gamma(b));
    }

  private:
    EventKey key_;
    PhiloxWords words_{};
    std::uint64_t block_ = 0;
    int next_ = 4;
    bool has_spare_ = false;
    double spare_ = 0;
};
}  // namespace calofuse::simulator
