/// \file kernels/optim/nadam/math.hpp
/// The formulas of nadam.hpp for one parameter, for both backends.
#pragma once

#include <cmath>

#include "kernels/optim/nadam.hpp"

namespace calofuse {
struct NadamFactors {
    float beta1, one_minus_beta1, beta2, one_minus_beta2;
    float of_m, of_g;  ///< in the step
    float root;        ///< of sqrt(v)
    float epsilon;
    float keep;     ///< of w before the update
    float coupled;  ///< of w in g
};

/// `schedule`: 1 - P_{t-1} before, 1 - P_t after.
CALOFUSE_HD inline NadamFactors nadam_factors(NadamArgs const& args,
                                              double rate,
                                              std::int64_t step,
                                              double& schedule)
{
    auto const t = static_cast<double>(step);
    double const mu = args.beta1 * (1 - 0.5 * std::pow(0.96, t * args.momentum_decay));
    double const next_mu = args.beta1 * (1 - 0.5 * std::pow(0.96, (t + 1) * args.momentum_decay));
    double const missing = 1 - mu * (1 - schedule);   // 1 - P_t
    double const next = 1 - next_mu * (1 - missing);  // 1 - P_{t+1}
    schedule = missing;
    bool const keras = args.rule == NadamRule::keras;
    return {static_cast<float>(args.beta1),
            static_cast<float>(1 - args.beta1),
            static_cast<float>(args.beta2),
            static_cast<float>(1 - args.beta2),
            static_cast<float>(rate * next_mu / next),
            static_cast<float>(rate * (1 - mu) / missing),
            static_cast<float>(1 / std::sqrt(1 - std::pow(args.beta2, t))),
            static_cast<float>(args.epsilon),
            static_cast<float>(keras ? 1 - rate * args.weight_decay : 1.0),
            static_cast<float>(keras ? 0.0 : args.weight_decay)};
}

CALOFUSE_HD inline void nadam_move(NadamFactors const& f, float dw, float& w, float& m, float& v)
{
    float const g = dw + f.coupled * w;
    m = f.beta1 * m + f.one_minus_beta1 * g;
    v = f.beta2 * v + f.one_minus_beta2 * (g * g);
    w = f.keep * w - (f.of_m * m + f.of_g * g) / (f.root * std::sqrt(v) + f.epsilon);
}
}  // namespace calofuse
