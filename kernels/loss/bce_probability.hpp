/// \file kernels/loss/bce_probability.hpp
/// Binary cross-entropy of probabilities, for models that end in a sigmoid (keras, from_logits off):
///   q = min(max(x, clip), 1 - clip),   l = -w [t log(q) + (1 - t) log(1 - q)]
/// Mean divides by the number of events.
/// Where a model can give logits, loss/bce is the better conditioned choice.
#pragma once

#include "kernels/loss/reduction.hpp"
#include "runtime/context.hpp"

namespace calofuse {
struct BceProbabilityArgs {
    TensorRef x;               ///< (N) or (N, 1) f32, in [0, 1]
    TensorRef target;          ///< N elements, f32, in [0, 1]
    TensorRef weight = {};     ///< N elements, f32; empty: 1
    TensorRef num_valid = {};  ///< (1) i64; empty: N. Later events are padding: loss 0, uncounted
    Reduction reduction = Reduction::mean;
    double clip = 1e-7;  ///< in (0, 0.5); keras: 1e-7
    TensorRef loss;      ///< (1) f32; reduction none: N elements
};

/// dx += dloss w (x - t) / (x (1 - x)) where clip <= x <= 1 - clip, 0 elsewhere (mean: / number of
/// events)
struct BceProbabilityGradArgs {
    TensorRef x, target;                    ///< of forward
    TensorRef weight = {}, num_valid = {};  ///< of forward
    Reduction reduction = Reduction::mean;
    double clip = 1e-7;
    TensorRef dloss = {};  ///< as loss of forward; empty: 1
    TensorRef dx;          ///< as x, added to
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
