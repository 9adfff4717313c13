/// \file kernels/loss/cross_entropy.hpp
/// Softmax cross-entropy of classes 0 .. C - 1, with p = softmax(x) and target class t of event n:
///   l[n] = -w[n] sum_c a[c] log p[c],  a[c] = v[c] q[c]
/// q is the smoothed target (s = label_smoothing), v the class weight. Mean divides by the sum of
/// v[t] over the valid events (torch), which is the number of events where there are no class weights.
#pragma once

#include "kernels/loss/reduction.hpp"
#include "runtime/context.hpp"

namespace calofuse {
enum class Smoothing : std::uint8_t {
    uniform,  ///< q = (1 - s) [c = t] + s / C  (keras, torch)
    others    ///< q = 1 - s for c = t, s / (C - 1) for the others  (DGCNN)
};

struct CrossEntropyArgs {
    TensorRef x;               ///< (N, C) f32: logits
    TensorRef target;          ///< N elements, i32, in 0 .. C - 1
    TensorRef weight = {};     ///< N elements, f32; empty: 1
    TensorRef num_valid = {};  ///< (1) i64; empty: N. Later events are padding: loss 0, uncounted
    TensorRef class_weight = {};  ///< (C) f32; empty: 1
    Reduction reduction = Reduction::mean;
    float label_smoothing = 0;
    Smoothing smoothing = Smoothing::uniform;
    TensorRef loss;  ///< (1) f32; reduction none: N elements
};

/// dx += dloss w (p sum_c a[c] - a)  (mean: divided as the loss)
struct CrossEntropyGradArgs {
    TensorRef x, target;                                       ///< of forward
    TensorRef weight = {}, num_valid = {}, class_weight = {};  ///< of forward
    Reduction reduction = Reduction::mean;
    float label_smoothing = 0;
    Smoothing smoothing = Smoothing::uniform;
    TensorRef dloss = {};  ///< as loss of forward; empty: 1
    TensorRef dx;          ///< (N, C) f32, added to
};

void cross_entropy_forward(Context& ctx, CrossEntropyArgs const& args);
void cross_entropy_backward(Context& ctx, CrossEntropyGradArgs const& args);
namespace cpu {
void cross_entropy_forward(Context& ctx, CrossEntropyArgs const& args);
void cross_entropy_backward(Context& ctx, CrossEntropyGradArgs const& args);
}  // namespace cpu
namespace cuda {
void cross_entropy_forward(Context& ctx, CrossEntropyArgs const& args);
void cross_entropy_backward(Context& ctx, CrossEntropyGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
