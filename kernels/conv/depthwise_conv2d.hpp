/// \file kernels/conv/depthwise_conv2d.hpp
/// Depthwise convolution (correlation) of images, channels last: every input channel i is filtered by
/// M kernels of its own, and output channel o = i M + m is
///   y[b, p, q, o] = bias[o] + sum_{k, l} x[b, p s_h - before_h + k, q s_w - before_w + l, i]
///                                        w[k, l, i, m]
/// with x = 0 outside the image; those terms are left out. Keras' DepthwiseConv2D; in torch a Conv2d
/// with groups = I, whose weight (I M, 1, kh, kw) is ours transposed.
#pragma once

#include "kernels/conv/window2d.hpp"
#include "runtime/context.hpp"

namespace calofuse {
struct DepthwiseConv2dArgs {
    TensorRef x;          ///< (B, H, W, I) f32
    TensorRef w;          ///< (window.h.kernel, window.w.kernel, I, M) f32
    TensorRef bias = {};  ///< (I M) f32; empty: 0
    Window2d window;      ///< no overhang
    TensorRef y;          ///< (B, window.h.outputs(H), window.w.outputs(W), I M) f32
};

/// Gradients of the same sums; each of dx, dw, dbias is added to, and left out where empty.
struct DepthwiseConv2dGradArgs {
    TensorRef x, w;  ///< of forward
    TensorRef dy;    ///< as y of forward
    Window2d window;
    TensorRef dx = {};     ///< as x
    TensorRef dw = {};     ///< as w
    TensorRef dbias = {};  ///< (I M) f32
};

void depthwise_conv2d_forward(Context& ctx, DepthwiseConv2dArgs const& args);
void depthwise_conv2d_backward(Context& ctx, DepthwiseConv2dGradArgs const& args);
namespace cpu {
void depthwise_conv2d_forward(Context& ctx, DepthwiseConv2dArgs const& args);
void depthwise_conv2d_backward(Context& ctx, DepthwiseConv2dGradArgs const& args);
}  // namespace cpu
namespace cuda {
void depthwise_conv2d_forward(Context& ctx, DepthwiseConv2dArgs const& args);
void depthwise_conv2d_backward(Context& ctx, DepthwiseConv2dGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
