/// \file kernels/optim/adam/math.hpp
/// The formulas of adam.hpp for one parameter, for both backends.
#pragma once

#include <cmath>

#include "kernels/optim/adam.hpp"

namespace calofuse {
/// Everything that is common to all parameters.
struct AdamFactors {
    float beta1, one_minus_beta1, beta2, one_minus_beta2;
    float rate;  ///< of m / (root * sqrt(u) + epsilon)
    float root;  ///< of sqrt(u)
    float epsilon;
    float coupled;  ///< of w in g
    float keep;     ///< of w before the update
};

CALOFUSE_HD inline AdamFactors adam_factors(AdamArgs const& args, double rate, std::int64_t step)
{
    auto const t = static_cast<double>(step);
    double const bias1 = 1 - std::pow(args.beta1, t), bias2 = 1 - std::pow(args.beta2, t);
    bool const keras = args.rule == AdamRule::keras;
    bool const coupled = args.decay == WeightDecay::coupled;
    return {static_cast<float>(args.beta1),
            static_cast<float>(1 - args.beta1),
            static_cast<float>(args.beta2),
            static_cast<float>(1 - args.beta2),
            static_cast<float>(keras ? rate * std::sqrt(bias2) / bias1 : rate / bias1),
            static_cast<float>(keras ? 1.0 : 1 / std::sqrt(bias2)),
            static_cast<float>(args.epsilon),
            static_cast<float>(coupled ? args.weight_decay : 0.0),
            static_cast<float>(coupled ? 1.0 : 1 - rate * args.weight_decay)};
}

CALOFUSE_HD inline void adam_moments(AdamFactors const& f, float dw, float w, float& m, float& v)
{
    float const g = dw + f.coupled * w;
    m = f.beta1 * m + f.one_minus_beta1 * g;
    v = f.beta2 * v + f.one_minus_beta2 * (g * g);
}
CALOFUSE_HD inline float adam_moved(AdamFactors const& f, float w, float m, float u)
{
    return f.keep * w - f.rate * m / (f.root * std::sqrt(u) + f.epsilon);
}
}  // namespace calofuse
