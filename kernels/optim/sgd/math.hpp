/// \file kernels/optim/sgd/math.hpp
/// The formulas of sgd.hpp for one parameter, for both backends.
#pragma once

#include "kernels/optim/sgd.hpp"

namespace calofuse {
/// One form for both rules: m = mu m + inner g, w = keep w + outer step.
struct SgdFactors {
    float mu, rate, keep, coupled, inner, outer;
    bool nesterov;
};

CALOFUSE_HD inline SgdFactors sgd_factors(SgdArgs const& args, double rate)
{
    bool const keras = args.rule == SgdRule::keras;
    auto const lr = static_cast<float>(rate);
    return {static_cast<float>(args.momentum),
            lr,
            static_cast<float>(keras ? 1 - rate * args.weight_decay : 1.0),
            static_cast<float>(keras ? 0.0 : args.weight_decay),
            keras ? -lr : 1.0F,
            keras ? 1.0F : -lr,
            args.kind == Momentum::nesterov};
}

CALOFUSE_HD inline float sgd_plain(SgdFactors const& f, float dw, float w)
{
    return f.keep * w - f.rate * (dw + f.coupled * w);
}
CALOFUSE_HD inline void sgd_with_momentum(SgdFactors const& f, float dw, float& w, float& m)
{
    float const g = f.inner * (dw + f.coupled * w);
    float const moved = f.mu * m + g;
    m = moved;
    w = f.keep * w + f.outer * (f.nesterov ? g + f.mu * moved : moved);
}
}  // namespace calofuse
