/// \file kernels/optim/update/adaptive_moments.hpp
/// What Adam and its relatives ask of their arguments alike.
#pragma once

#include "kernels/check.hpp"

namespace calofuse {
/// Weights, gradient, first moment `m`, second moment `second` (called `name`), rate, step and the
/// constants of the formula.
template <class Args>
void check_adaptive_moments(Args const& args, TensorRef const& second, char const* name)
{
    check_tensor(args.w, DType::f32, {args.w.shape[0]}, "w");
    check_like(args.dw, args.w, "dw", "w");
    check_like(args.m, args.w, "m", "w");
    check_like(second, args.w, name, "w");
    check_tensor(args.learning_rate, DType::f64, {1}, "learning_rate");
    check_tensor(args.step, DType::i64, {1}, "step");
    CALOFUSE_CHECK(args.beta1 >= 0 && args.beta1 < 1 && args.beta2 >= 0 && args.beta2 < 1,
                   "beta1=" << args.beta1 << " beta2=" << args.beta2 << " (must be in [0, 1))");
    CALOFUSE_CHECK(args.epsilon > 0, "epsilon=" << args.epsilon << " (must be > 0)");
    CALOFUSE_CHECK(args.weight_decay >= 0,
                   "weight_decay=" << args.weight_decay << " (must be >= 0)");
}
}  // namespace calofuse
