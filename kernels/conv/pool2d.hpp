/// \file kernels/conv/pool2d.hpp
/// Largest or average value of each window of an image, per channel. Padding never wins a maximum.
/// A window as large as the image is a global pool.
#pragma once

#include "kernels/conv/window2d.hpp"
#include "runtime/context.hpp"

namespace calofuse {
enum class PoolKind : std::uint8_t {
    max,             ///< the first largest cell in row-major order takes the gradient
    average,         ///< over the cells inside the image (keras)
    average_counted  ///< over all cells of the window, padding counts as 0 (torch)
};

struct Pool2dArgs {
    TensorRef x;  ///< (B, H, W, C) f32
    Window2d window;
    PoolKind kind = PoolKind::max;
    TensorRef y;  ///< (B, window.h.outputs(H), window.w.outputs(W), C) f32
};

struct Pool2dGradArgs {
    TensorRef x;   ///< of forward
    TensorRef dy;  ///< as y of forward
    Window2d window;
    PoolKind kind = PoolKind::max;
    TensorRef dx;  ///< as x, added to
};

void pool2d_forward(Context& ctx, Pool2dArgs const& args);
void pool2d_backward(Context& ctx, Pool2dGradArgs const& args);
namespace cpu {
void pool2d_forward(Context& ctx, Pool2dArgs const& args);
void pool2d_backward(Context& ctx, Pool2dGradArgs const& args);
}  // namespace cpu
namespace cuda {
void pool2d_forward(Context& ctx, Pool2dArgs const& args);
void pool2d_backward(Context& ctx, Pool2dGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
