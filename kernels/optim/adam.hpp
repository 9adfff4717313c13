/// \file kernels/optim/adam.hpp
/// Adam (Kingma and Ba, 2015) on one flat vector of parameters, t = 1 at the first update:
///   m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,  u = v (AMSGrad: u = vmax = max(vmax, v))
///   keras: w -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(u) + epsilon)
///   torch: w -= lr / (1 - b1^t) m / (sqrt(u) / sqrt(1 - b2^t) + epsilon)
/// Weight decay d: coupled g += d w first; decoupled w -= lr d w first.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
enum class AdamRule : std::uint8_t { keras, torch };
enum class WeightDecay : std::uint8_t { coupled, decoupled };

struct AdamArgs {
    TensorRef dw;             ///< (n) f32, gradient
    TensorRef learning_rate;  ///< (1) f64, read when the operator runs
    TensorRef step;           ///< (1) i64, t, read when the operator runs; 1 at the first update
    AdamRule rule = AdamRule::keras;
    double beta1 = 0.9, beta2 = 0.999;
    double epsilon = 1e-7;  ///< keras 1e-7, torch 1e-8
    double weight_decay = 0;
    WeightDecay decay = WeightDecay::decoupled;
    TensorRef w;          ///< (n) f32, updated
    TensorRef m;          ///< (n) f32, 0 before the first update
    TensorRef v;          ///< (n) f32, 0 before the first update
    TensorRef vmax = {};  ///< (n) f32, 0 before the first update: AMSGrad; empty: plain Adam
};

void adam_update(Context& ctx, AdamArgs const& args);
namespace cpu {
void adam_update(Context& ctx, AdamArgs const& args);
}
namespace cuda {
void adam_update(Context& ctx, AdamArgs const& args);
}
}  // namespace calofuse
