/// \file kernels/graph/dense_gat.hpp
/// Graph attention (Velickovic et al., arXiv 1710.10903) on a small dense graph of V <= 64 nodes,
/// H heads of C channels, Spektral's GATConv without dropout. h = x W comes from dense/linear:
///   p[i, k, j]     = h[i, k] . attn_self[:, k] + h[j, k] . attn_neigh[:, k]
///   alpha[i, k, :] = softmax over the neighbours j of i of leaky_relu(p[i, k, :], slope)
///   z[i, k]        = sum_j alpha[i, k, j] h[j, k]
///   y[i]           = act(concat_k z[i, k] + bias), or act(mean_k z[i, k] + bias)
/// j is a neighbour of i if a[i, j] != 0 or, with self-loops, j = i. A node without neighbours
/// attends to nothing: alpha = 0, z = 0.
#pragma once

#include "kernels/graph/attention.hpp"
#include "kernels/graph/node_activation.hpp"
#include "runtime/context.hpp"

namespace calofuse {
struct DenseGatOptions {
    SelfLoops loops = SelfLoops::add;
    HeadMerge merge = HeadMerge::concat;
    NodeActivation activation = NodeActivation::none;
    float slope = 0.2F;  ///< of the leaky ReLU
};

/// W = H C with concat, C with mean.
struct DenseGatArgs {
    TensorRef a;           ///< (V, V) or (B, V, V) f32: 0 = no edge; row i attends to columns j
    TensorRef h;           ///< (B, V, H, C) f32
    TensorRef attn_self;   ///< (C, H) f32
    TensorRef attn_neigh;  ///< (C, H) f32
    TensorRef bias = {};   ///< (W) f32; empty: 0
    DenseGatOptions options = {};
    TensorRef alpha;  ///< (B, V, H, V) f32, kept for the backward pass
    TensorRef y;      ///< (B, V, W) f32
};

struct DenseGatGradArgs {
    TensorRef h, attn_self, attn_neigh, alpha, y;  ///< of forward
    DenseGatOptions options = {};
    TensorRef dy;           ///< (B, V, W) f32
    TensorRef dh;           ///< (B, V, H, C) f32, added to
    TensorRef dattn_self;   ///< (C, H) f32, added to
    TensorRef dattn_neigh;  ///< (C, H) f32, added to
    TensorRef dbias = {};   ///< (W) f32, added to; empty: not wanted
};

void dense_gat_forward(Context& ctx, DenseGatArgs const& args);
void dense_gat_backward(Context& ctx, DenseGatGradArgs const& args);

namespace cpu {
void dense_gat_forward(Context& ctx, DenseGatArgs const& args);
void dense_gat_backward(Context& ctx, DenseGatGradArgs const& args);
}  // namespace cpu
namespace cuda {
void dense_gat_forward(Context& ctx, DenseGatArgs const& args);
void dense_gat_backward(Context& ctx, DenseGatGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
