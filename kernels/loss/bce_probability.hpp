/// \file kernels/loss/bce_probability.hpp
/// Binary cross-entropy of probabilities, for models that end in a sigmoid (keras, from_logits off):
///   q = min(max(p, clip), 1 - clip),   l = -w [t log(q) + (1 - t) log(1 - q)]
///   loss = sum of l / number of events
/// Where a model can give logits, loss/bce is the better conditioned choice.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
struct BceProbabilityArgs {
    TensorRef p;            ///< (B) or (B, 1) f32, in [0, 1]
    TensorRef target;       ///< B elements, f32, in [0, 1]
    TensorRef weight = {};  ///< B elements, f32; empty: 1
    double clip = 1e-7;     ///< in (0, 0.5); keras: 1e-7
    TensorRef loss;         ///< (1) f32; 0 for B = 0
};

/// dp += dloss w (q - t) / (q (1 - q)) / B where clip <= p <= 1 - clip, 0 elsewhere
struct BceProbabilityGradArgs {
    TensorRef p, target;  ///< of forward
    TensorRef weight = {};
    double clip = 1e-7;
    TensorRef dloss = {};  ///< (1) f32; empty: 1
    TensorRef dp;          ///< as p, added to
};

void bce_probability_forward(Context& ctx, BceProbabilityArgs const& args);
void bce_probability_backward(Context& ctx, BceProbabilityGradArgs const& args);
namespace cpu {
void bce_probability_forward(Context& ctx, BceProbabilityArgs const& args);
void bce_probability_backward(Context& ctx, BceProbabilityGradArgs const& args);
}  // namespace cpu
namespace cuda {
void bce_probability_forward(Context& ctx, BceProbabilityArgs const& args);
void bce_probability_backward(Context& ctx, BceProbabilityGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
