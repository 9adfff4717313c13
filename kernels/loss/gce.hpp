/// \file kernels/loss/gce.hpp
/// Generalised cross-entropy (Zhang and Sabuncu, 2018), which bears wrong labels: q -> 0 is the
/// cross-entropy, q = 1 the mean absolute error. p = probability of the target class:
///   l[n] = w[n] (1 - p^q) / q;   C classes: softmax(x)[t];   one logit: sigmoid(x) or sigmoid(-x)
/// Mean divides by the number of events.
#pragma once

#include "kernels/loss/reduction.hpp"
#include "runtime/context.hpp"

namespace calofuse {
struct GceArgs {
    TensorRef x;               ///< (N, C) f32: logits; C = 1: binary
    TensorRef target;          ///< N elements, i32, in 0 .. C - 1; binary: 0 or 1
    TensorRef weight = {};     ///< N elements, f32; empty: 1
    TensorRef num_valid = {};  ///< (1) i64; empty: N. Later events are padding: loss 0, uncounted
    Reduction reduction = Reduction::mean;
    float q = 0.7F;  ///< in (0, 1]
    TensorRef loss;  ///< (1) f32; reduction none: N elements
};

/// dx[n, c] += dloss w p^q (p_c - [c = t]) (mean: / number of events)
struct GceGradArgs {
    TensorRef x, target;                    ///< of forward
    TensorRef weight = {}, num_valid = {};  ///< of forward
    Reduction reduction = Reduction::mean;
    float q = 0.7F;
    TensorRef dloss = {};  ///< as loss of forward; empty: 1
    TensorRef dx;          ///< (N, C) f32, added to
};

void gce_forward(Context& ctx, GceArgs const& args);
void gce_backward(Context& ctx, GceGradArgs const& args);
namespace cpu {
void gce_forward(Context& ctx, GceArgs const& args);
void gce_backward(Context& ctx, GceGradArgs const& args);
}  // namespace cpu
namespace cuda {
void gce_forward(Context& ctx, GceArgs const& args);
void gce_backward(Context& ctx, GceGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
