/// \file kernels/graph/edge_softmax.hpp
/// Softmax over the edges that enter each node, or over any segments of rows, for every column h:
///   y[e, h] = exp(x[e, h] - m) / (sum over the segment of exp(x - m) + 1e-16),  m = its maximum
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
struct EdgeSoftmaxArgs {
    TensorRef x;             ///< (E, H) f32
    TensorRef edge_ptr;      ///< (N + 1) i32: rows of segment i
    TensorRef row_ptr = {};  ///< (B + 1) i32: row_ptr[B] of the N segments exist; empty: all
    TensorRef y;             ///< (E, H) f32, may be x; rows of no segment are left alone
};

/// dx[e] += y[e] (dy[e] - sum over the segment of y dy)
struct EdgeSoftmaxGradArgs {
    TensorRef y;
    TensorRef edge_ptr;
    TensorRef row_ptr = {};
    TensorRef dy;  ///< (E, H) f32
    TensorRef dx;  ///< (E, H) f32, added to
};

void edge_softmax_forward(Context& ctx, EdgeSoftmaxArgs const& args);
void edge_softmax_backward(Context& ctx, EdgeSoftmaxGradArgs const& args);

namespace cpu {
void edge_softmax_forward(Context& ctx, EdgeSoftmaxArgs const& args);
void edge_softmax_backward(Context& ctx, EdgeSoftmaxGradArgs const& args);
}  // namespace cpu
namespace cuda {
void edge_softmax_forward(Context& ctx, EdgeSoftmaxArgs const& args);
void edge_softmax_backward(Context& ctx, EdgeSoftmaxGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
