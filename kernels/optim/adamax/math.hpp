/// \file kernels/optim/adamax/math.hpp
/// The formulas of adamax.hpp for one parameter, for both backends.
#pragma once

#include <cmath>

#include "kernels/optim/adamax.hpp"

namespace calofuse {
struct AdamaxFactors {
    float beta1, one_minus_beta1, beta2;
    float rate;     ///< of m / u
    float keep;     ///< of w before the update
    float coupled;  ///< of w in g
    float below;    ///< added to the divisor (keras)
    float inside;   ///< added to |g| (torch)
};

CALOFUSE_HD inline AdamaxFactors adamax_factors(AdamaxArgs const& args,
                                                double rate,
                                                std::int64_t step)
{
    bool const keras = args.rule == AdamaxRule::keras;
    auto const t = static_cast<double>(step);
    return {static_cast<float>(args.beta1),
            static_cast<float>(1 - args.beta1),
            static_cast<float>(args.beta2),
            static_cast<float>(rate / (1 - std::pow(args.beta1, t))),
            static_cast<float>(keras ? 1 - rate * args.weight_decay : 1.0),
            static_cast<float>(keras ? 0.0 : args.weight_decay),
            static_cast<float>(keras ? args.epsilon : 0.0),
            static_cast<float>(keras ? 0.0 : args.epsilon)};
}

CALOFUSE_HD inline void adamax_move(AdamaxFactors const& f, float dw, float& w, float& m, float& u)
{
    float const g = dw + f.coupled * w;
    float const size = std::abs(g) + f.inside, old = f.beta2 * u;
    m = f.beta1 * m + f.one_minus_beta1 * g;
    u = size > old ? size : old;
    w = f.keep * w - f.rate * m / (u + f.below);
}
}  // namespace calofuse
