/// \file kernels/graph/gcn.hpp
/// Graph convolution of Kipf and Welling on a ragged batch, in the form of PyTorch Geometric:
///   y_i = b + sum over edges e = (j -> i) of s_i w_e s_j u_j,   u = x W (kernels/dense/linear)
///   s_i = 1 / sqrt(degree_i), degree_i = sum of w_e over the edges into i; 0 where degree <= 0
/// SelfLoops::add: every node has one loop, the last that the edges hold, else one of weight 1; other
/// loops are ignored. SelfLoops::as_given: loops are edges as all others. Without edge weights w_e = 1.
/// Nodes of graph b are rows row_ptr[b] .. row_ptr[b + 1] - 1, edges into node i are
/// edge_ptr[i] .. edge_ptr[i + 1] - 1; N and E are capacities.
#pragma once

#include "kernels/graph/attention.hpp"
#include "runtime/context.hpp"

namespace calofuse {
struct GcnArgs {
    TensorRef u;                 ///< (N, C) f32
    TensorRef row_ptr;           ///< (B + 1) i32
    TensorRef edge_ptr;          ///< (N + 1) i32
    TensorRef source;            ///< (E) i32 rows of u
    TensorRef edge_weight = {};  ///< (E) f32; empty: ones
    TensorRef bias = {};         ///< (C) f32; empty: none
    SelfLoops loops = SelfLoops::add;
    TensorRef y;  ///< (N, C) f32
};

struct GcnGradArgs {
    TensorRef u = {};  ///< as in forward; needed for dedge_weight only
    TensorRef row_ptr;
    TensorRef edge_ptr;
    TensorRef source;
    TensorRef edge_weight = {};
    SelfLoops loops = SelfLoops::add;
    TensorRef dy;                 ///< (N, C) f32
    TensorRef du;                 ///< (N, C) f32, added to
    TensorRef dedge_weight = {};  ///< (E) f32, added to; empty: not wanted. Ignored loops get none
    TensorRef dbias = {};         ///< (C) f32, added to; empty: no bias
};

void gcn_forward(Context& ctx, GcnArgs const& args);
void gcn_backward(Context& ctx, GcnGradArgs const& args);

namespace cpu {
void gcn_forward(Context& ctx, GcnArgs const& args);
void gcn_backward(Context& ctx, GcnGradArgs const& args);
}  // namespace cpu
namespace cuda {
void gcn_forward(Context& ctx, GcnArgs const& args);
void gcn_backward(Context& ctx, GcnGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
