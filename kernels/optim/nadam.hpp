/// \file kernels/optim/nadam.hpp
/// Nadam (Dozat, 2016), t = 1 at the first update; k = `momentum_decay` (torch 0.004, keras 1):
///   mu_t = b1 (1 - 0.96^(k t) / 2),  P_t = mu_1 mu_2 .. mu_t
///   m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2
///   w -= lr [mu_{t+1} m / (1 - P_{t+1}) + (1 - mu_t) g / (1 - P_t)] / (sqrt(v / (1 - b2^t)) + eps)
/// Weight decay d: keras w -= lr d w first; torch g += d w first.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
enum class NadamRule : std::uint8_t { keras, torch };

struct NadamArgs {
    TensorRef dw;             ///< (n) f32, gradient
    TensorRef learning_rate;  ///< (1) f64, read when the operator runs
    TensorRef step;           ///< (1) i64, t, read when the operator runs; 1 at the first update
    NadamRule rule = NadamRule::keras;
    double beta1 = 0.9, beta2 = 0.999;
    double epsilon = 1e-7;      ///< keras 1e-7, torch 1e-8
    double momentum_decay = 1;  ///< keras 1, torch 0.004
    double weight_decay = 0;    ///< decoupled for keras, coupled for torch
    TensorRef w;                ///< (n) f32, updated
    TensorRef m;                ///< (n) f32, 0 before the first update
    TensorRef v;                ///< (n) f32, 0 before the first update
    TensorRef schedule;         ///< (1) f64, 1 - P_t, updated; 0 before the first update
};

void nadam_update(Context& ctx, NadamArgs const& args);
namespace cpu {
void nadam_update(Context& ctx, NadamArgs const& args);
}
namespace cuda {
void nadam_update(Context& ctx, NadamArgs const& args);
}
}  // namespace calofuse
