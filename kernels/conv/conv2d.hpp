/// \file kernels/conv/conv2d.hpp
/// Convolution (correlation) of images, channels last, any kernel, stride and padding:
///   y[b, p, q, o] = bias[o] + sum_{k, l, i} x[b, p s_h - before_h + k, q s_w - before_w + l, i]
///                                            w[k, l, i, o]
/// with x = 0 outside the image; those terms are left out.
#pragma once

#include "kernels/conv/window2d.hpp"
#include "runtime/context.hpp"

namespace calofuse {
struct Conv2dArgs {
    TensorRef x;          ///< (B, H, W, I) f32
    TensorRef w;          ///< (window.h.kernel, window.w.kernel, I, O) f32
    TensorRef bias = {};  ///< (O) f32; empty: 0
    Window2d window;      ///< no overhang
    TensorRef y;          ///< (B, window.h.outputs(H), window.w.outputs(W), O) f32
};

/// Gradients of the same sums; each of dx, dw, dbias is added to, and left out where empty.
struct Conv2dGradArgs {
    TensorRef x, w;  ///< of forward
    TensorRef dy;    ///< as y of forward
    Window2d window;
    TensorRef dx = {};     ///< as x
    TensorRef dw = {};     ///< as w
    TensorRef dbias = {};  ///< (O) f32
};

void conv2d_forward(Context& ctx, Conv2dArgs const& args);
void conv2d_backward(Context& ctx, Conv2dGradArgs const& args);
namespace cpu {
void conv2d_forward(Context& ctx, Conv2dArgs const& args);
void conv2d_backward(Context& ctx, Conv2dGradArgs const& args);
}  // namespace cpu
namespace cuda {
void conv2d_forward(Context& ctx, Conv2dArgs const& args);
void conv2d_backward(Context& ctx, Conv2dGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
