/// \file kernels/graph/gat.hpp
/// Graph attention (Velickovic et al., arXiv 1710.10903) on ragged batches, with the rules of
/// PyTorch Geometric's GATConv. h = x W comes from dense/linear; for every edge j -> i and head k
///   p[i, j, k]     = leaky_relu(s[j, k] + t[i, k] + u[i, j, k], slope)
///   s[j, k]        = att_source[k] . h[j, k],  t[i, k] = att_target[k] . h[i, k]
///   u[i, j, k]     = att_edge[k] . sum_g edge[ij, g] edge_weight[g, k]     (only with edge features)
///   alpha[i, :, k] = exp(p - max p) / (sum exp(p - max p) + 1e-16) over the incoming edges of i
///   z[i, k]        = sum_j dropout(alpha[i, j, k]) h[j, k]
///   y[i]           = concat_k z[i, k] + bias, or mean_k z[i, k] + bias
/// Repeated edges count each. A node without incoming edges gets z = 0. Nothing of the size of
/// (edges x channels) is stored: `saved` holds s, t and the log-sum-exp, from which backward makes
/// alpha again.
#pragma once

#include "kernels/graph/attention.hpp"
#include "kernels/math/event_dropout.hpp"
#include "runtime/context.hpp"

namespace calofuse {
struct GatOptions {
    SelfLoops loops = SelfLoops::add;
    HeadMerge merge = HeadMerge::concat;
    float slope = 0.2F;         ///< of the leaky ReLU, >= 0
    EventDropout dropout = {};  ///< of alpha
};

/// N and E are capacities: row_ptr[B] nodes and edge_ptr[row_ptr[B]] edges exist.
struct GatInputs {
    TensorRef h;                 ///< (N, H, C) f32
    TensorRef att_source;        ///< (H, C) f32
    TensorRef att_target;        ///< (H, C) f32
    TensorRef row_ptr;           ///< (B + 1) i32: nodes of graph b
    TensorRef edge_ptr;          ///< (N + 1) i32: incoming edges of a node
    TensorRef source;            ///< (E) i32: row that an edge comes from, in the same graph
    TensorRef edge = {};         ///< (E, G) f32 edge features; empty: none
    TensorRef edge_weight = {};  ///< (G, H, C) f32, with `edge`
    TensorRef att_edge = {};     ///< (H, C) f32, with `edge`
};

/// W = H C with concat, C with mean; H4 = padded_heads(H).
struct GatArgs {
    GatInputs in;
    TensorRef bias = {};  ///< (W) f32; empty: 0
    GatOptions options = {};
    TensorRef saved;            ///< (N, 3, H4) f32: s, t, log-sum-exp; for backward
    TensorRef y;                ///< (N, W) f32
    TensorRef alpha = {};       ///< (E, H) f32 before dropout, 0 on left-out loops; empty: unwanted
    TensorRef alpha_loop = {};  ///< (N, H) f32 of the added loops; goes with `alpha`
};

/// Gradients are added to; the empty ones are not wanted.
struct GatGradArgs {
    GatInputs in;
    GatOptions options = {};
    TensorRef saved;              ///< of forward
    TensorRef dy;                 ///< (N, W) f32
    TensorRef dh;                 ///< (N, H, C) f32
    TensorRef datt_source;        ///< (H, C) f32
    TensorRef datt_target;        ///< (H, C) f32
    TensorRef dbias = {};         ///< (W) f32
    TensorRef dedge = {};         ///< (E, G) f32
    TensorRef dedge_weight = {};  ///< (G, H, C) f32, needed with `edge`
    TensorRef datt_edge = {};     ///< (H, C) f32, needed with `edge`
};

void gat_forward(Context& ctx, GatArgs const& args);
void gat_backward(Context& ctx, GatGradArgs const& args);

namespace cpu {
void gat_forward(Context& ctx, GatArgs const& args);
void gat_backward(Context& ctx, GatGradArgs const& args);
}  // namespace cpu
namespace cuda {
void gat_forward(Context& ctx, GatArgs const& args);
void gat_backward(Context& ctx, GatGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
