/// \file kernels/graph/gatv2.hpp
/// Graph attention whose scores see both ends at once (Brody et al., arXiv 2105.14491), with the
/// rules of PyTorch Geometric's GATv2Conv. left = x W_l + b_l and right = x W_r + b_r come from
/// dense/linear; for every edge j -> i and head k
///   u[i, j, k]     = left[j, k] + right[i, k] + sum_g edge[ij, g] edge_weight[g, k]
///   p[i, j, k]     = att[k] . leaky_relu(u[i, j, k], slope)
///   alpha[i, :, k] = exp(p - max p) / (sum exp(p - max p) + 1e-16) over the incoming edges of i
///   z[i, k]        = sum_j dropout(alpha[i, j, k]) left[j, k]
///   y[i]           = concat_k z[i, k] + bias, or mean_k z[i, k] + bias
/// Repeated edges count each. A node without incoming edges gets z = 0. u is never stored: backward
/// makes it again, and alpha from the log-sum-exp in `saved`.
#pragma once

#include "kernels/graph/attention.hpp"
#include "kernels/math/event_dropout.hpp"
#include "runtime/context.hpp"

namespace calofuse {
struct Gatv2Options {
    SelfLoops loops = SelfLoops::add;
    HeadMerge merge = HeadMerge::concat;
    float slope = 0.2F;         ///< of the leaky ReLU, >= 0
    EventDropout dropout = {};  ///< of alpha
};

/// N and E are capacities: row_ptr[B] nodes and edge_ptr[row_ptr[B]] edges exist.
struct Gatv2Inputs {
    TensorRef left;              ///< (N, H, C) f32, of sources; the messages
    TensorRef right;             ///< (N, H, C) f32, of targets; may be `left`
    TensorRef att;               ///< (H, C) f32
    TensorRef row_ptr;           ///< (B + 1) i32: nodes of graph b
    TensorRef edge_ptr;          ///< (N + 1) i32: incoming edges of a node
    TensorRef source;            ///< (E) i32: row that an edge comes from, in the same graph
    TensorRef edge = {};         ///< (E, G) f32 edge features; empty: none
    TensorRef edge_weight = {};  ///< (G, H, C) f32, with `edge`
};

/// W = H C with concat, C with mean; H4 = padded_heads(H).
struct Gatv2Args {
    Gatv2Inputs in;
    TensorRef bias = {};  ///< (W) f32; empty: 0
    Gatv2Options options = {};
    TensorRef saved;            ///< (N, H4) f32: log-sum-exp; for backward
    TensorRef y;                ///< (N, W) f32
    TensorRef alpha = {};       ///< (E, H) f32 before dropout, 0 on left-out loops; empty: unwanted
    TensorRef alpha_loop = {};  ///< (N, H) f32 of the added loops; goes with `alpha`
};

/// Gradients are added to; the empty ones are not wanted.
struct Gatv2GradArgs {
    Gatv2Inputs in;
    Gatv2Options options = {};
    TensorRef saved;              ///< of forward
    TensorRef dy;                 ///< (N, W) f32
    TensorRef dleft;              ///< (N, H, C) f32
    TensorRef dright;             ///< (N, H, C) f32; may be `dleft`
    TensorRef datt;               ///< (H, C) f32
    TensorRef dbias = {};         ///< (W) f32
    TensorRef dedge = {};         ///< (E, G) f32
    TensorRef dedge_weight = {};  ///< (G, H, C) f32, needed with `edge`
};

void gatv2_forward(Context& ctx, Gatv2Args const& args);
void gatv2_backward(Context& ctx, Gatv2GradArgs const& args);

namespace cpu {
void gatv2_forward(Context& ctx, Gatv2Args const& args);
void gatv2_backward(Context& ctx, Gatv2GradArgs const& args);
}  // namespace cpu
namespace cuda {
void gatv2_forward(Context& ctx, Gatv2Args const& args);
void gatv2_backward(Context& ctx, Gatv2GradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
