/// \file kernels/optim/adamax.hpp
/// Adamax (Kingma and Ba, 2015), t = 1 at the first update: m = b1 m + (1 - b1) g and
///   keras: w -= lr d w;  u = max(b2 u, |g|);            w -= lr / (1 - b1^t) m / (u + epsilon)
///   torch: g += d w;     u = max(b2 u, |g| + epsilon);  w -= lr / (1 - b1^t) m / u
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
enum class AdamaxRule : std::uint8_t { keras, torch };

struct AdamaxArgs {
    TensorRef dw;             ///< (n) f32, gradient
    TensorRef learning_rate;  ///< (1) f64, read when the operator runs
    TensorRef step;           ///< (1) i64, t, read when the operator runs; 1 at the first update
    AdamaxRule rule = AdamaxRule::keras;
    double beta1 = 0.9, beta2 = 0.999;
    double epsilon = 1e-7;    ///< keras 1e-7, torch 1e-8
    double weight_decay = 0;  ///< decoupled for keras, coupled for torch
    TensorRef w;              ///< (n) f32, updated
    TensorRef m;              ///< (n) f32, 0 before the first update
    TensorRef u;              ///< (n) f32, 0 before the first update
};

void adamax_update(Context& ctx, AdamaxArgs const& args);
namespace cpu {
void adamax_update(Context& ctx, AdamaxArgs const& args);
}
namespace cuda {
void adamax_update(Context& ctx, AdamaxArgs const& args);
}
}  // namespace calofuse
