/// \file kernels/optim/sgd.hpp
/// Stochastic gradient descent on one flat vector of parameters, momentum mu, weight decay d:
///   keras: w -= lr d w;  m = mu m - lr g;  w += m  (Nesterov: w += mu m - lr g)
///   torch: g += d w;     m = mu m + g;     w -= lr m  (Nesterov: w -= lr (g + mu m))
/// They part when the learning rate changes: keras keeps it inside m.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
enum class SgdRule : std::uint8_t { keras, torch };
enum class Momentum : std::uint8_t { plain, nesterov };

struct SgdArgs {
    TensorRef dw;             ///< (n) f32, gradient
    TensorRef learning_rate;  ///< (1) f64, read when the operator runs
    SgdRule rule = SgdRule::keras;
    Momentum kind = Momentum::plain;
    double momentum = 0;
    double weight_decay = 0;  ///< decoupled for keras, coupled for torch
    TensorRef w;              ///< (n) f32, updated
    TensorRef m = {};         ///< (n) f32, 0 before the first update; empty allowed if momentum = 0
};

void sgd_update(Context& ctx, SgdArgs const& args);
namespace cpu {
void sgd_update(Context& ctx, SgdArgs const& args);
}
namespace cuda {
void sgd_update(Context& ctx, SgdArgs const& args);
}
}  // namespace calofuse
