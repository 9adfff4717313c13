/// \file kernels/graph/edge_conv.hpp
/// EdgeConv on a ragged batch (Wang et al., ACM TOG 2019):
///   y_i = max | sum | mean over the edges (j -> i) of h(x_i, x_j - x_i);  no edge: 0
///   h(p, q) = W2^T relu(W_a^T p + W_b^T q + b1) + b2
/// The first layer is applied to nodes, outside (two calls of kernels/dense/linear):
///   t = x W_a + b1, s = x W_b, so an edge only costs relu(t_i + (s_j - s_i)) and the second layer;
/// sum and mean commute with the second layer, which then acts on nodes too. Values of edges live
/// in a block of a few dozen rows for each thread and are computed again in backward.
/// The neighbours of dynamic EdgeConv are those of `knn` on x with KnnSelf::first, made into CSR;
/// they are constants of the gradient.
#pragma once

#include "runtime/context.hpp"
#include "runtime/names.hpp"

namespace calofuse {
enum class EdgeAggregate : std::uint8_t { max, sum, mean };
constexpr auto names_of(EdgeAggregate)
{
    return std::to_array<Name<EdgeAggregate>>({
        {EdgeAggregate::max, "max"},
        {EdgeAggregate::sum, "sum"},
        {EdgeAggregate::mean, "mean"},
    });
}

/// Nodes of graph b are rows row_ptr[b] .. row_ptr[b + 1] - 1, edges into node i are
/// edge_ptr[i] .. edge_ptr[i + 1] - 1; N and E are capacities.
struct EdgeConvArgs {
    TensorRef target;     ///< (N, H) f32: t
    TensorRef neighbour;  ///< (N, H) f32: s
    TensorRef row_ptr;    ///< (B + 1) i32
    TensorRef edge_ptr;   ///< (N + 1) i32
    TensorRef source;     ///< (E) i32 rows
    TensorRef w;          ///< (H, O) f32: W2
    TensorRef bias = {};  ///< (O) f32: b2; empty: none
    EdgeAggregate aggregate = EdgeAggregate::max;
    TensorRef y;            ///< (N, O) f32
    TensorRef winner = {};  ///< (N, O) i32, max only: edge that won (first of equals), or -1
};

struct EdgeConvGradArgs {
    TensorRef target, neighbour, row_ptr, edge_ptr, source, w;  ///< as in forward
    EdgeAggregate aggregate = EdgeAggregate::max;
    TensorRef winner = {};  ///< of forward, max only
    TensorRef dy;           ///< (N, O) f32
    TensorRef dtarget;      ///< (N, H) f32, added to
    TensorRef dneighbour;   ///< (N, H) f32, added to
    TensorRef dw;           ///< (H, O) f32, added to
    TensorRef dbias = {};   ///< (O) f32, added to; empty: no bias
};

void edge_conv_forward(Context& ctx, EdgeConvArgs const& args);
void edge_conv_backward(Context& ctx, EdgeConvGradArgs const& args);

namespace cpu {
void edge_conv_forward(Context& ctx, EdgeConvArgs const& args);
void edge_conv_backward(Context& ctx, EdgeConvGradArgs const& args);
}  // namespace cpu
namespace cuda {
void edge_conv_forward(Context& ctx, EdgeConvArgs const& args);
void edge_conv_backward(Context& ctx, EdgeConvGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
