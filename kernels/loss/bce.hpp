/// \file kernels/loss/bce.hpp
/// Binary cross-entropy of logits x with targets t in [0, 1]; p = pos_weight, s = label_smoothing:
///   t' = t (1 - s) + s / 2
///   l  = w [(1 - t') x + (1 + (p - 1) t') log(1 + exp(-x))]        computed as max(-x, 0) + log1p
/// Mean divides by the number of events, not by the sum of the weights (keras and torch alike).
#pragma once

#include "kernels/loss/reduction.hpp"
#include "runtime/context.hpp"

namespace calofuse {
struct BceArgs {
    TensorRef x;               ///< (N) or (N, 1) f32: logits
    TensorRef target;          ///< N elements, f32, in [0, 1]
    TensorRef weight = {};     ///< N elements, f32; empty: 1
    TensorRef num_valid = {};  ///< (1) i64; empty: N. Later events are padding: loss 0, uncounted
    Reduction reduction = Reduction::mean;
    float pos_weight = 1;
    float label_smoothing = 0;
    TensorRef loss;  ///< (1) f32; reduction none: N elements
};

/// dx += dloss w [(1 - t') - (1 + (p - 1) t') sigmoid(-x)] (mean: / number of events)
struct BceGradArgs {
    TensorRef x, target;                    ///< of forward
    TensorRef weight = {}, num_valid = {};  ///< of forward
    Reduction reduction = Reduction::mean;
    float pos_weight = 1;
    float label_smoothing = 0;
    TensorRef dloss = {};  ///< as loss of forward; empty: 1
    TensorRef dx;          ///< as x, added to
};

void bce_forward(Context& ctx, BceArgs const& args);
void bce_backward(Context& ctx, BceGradArgs const& args);
namespace cpu {
void bce_forward(Context& ctx, BceArgs const& args);
void bce_backward(Context& ctx, BceGradArgs const& args);
}  // namespace cpu
namespace cuda {
void bce_forward(Context& ctx, BceArgs const& args);
void bce_backward(Context& ctx, BceGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
