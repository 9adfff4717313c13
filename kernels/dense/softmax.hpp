/// \file kernels/dense/softmax.hpp
/// Over the last axis, with m[n] = max_c x[n, c] and s[n] = sum_c exp(x[n, c] - m[n]):
///   softmax y = exp(x - m) / s        log_softmax y = x - m - log(s)
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
enum class SoftmaxKind : std::uint8_t { softmax, log_softmax };

struct SoftmaxArgs {
    TensorRef x;  ///< (N, C) f32
    SoftmaxKind kind = SoftmaxKind::softmax;
    TensorRef y;  ///< (N, C) f32; may alias x
};

/// softmax: dx += y (dy - sum_c dy y);  log_softmax: dx += dy - exp(y) sum_c dy.
struct SoftmaxGradArgs {
    TensorRef y;   ///< (N, C) f32, of forward
    TensorRef dy;  ///< (N, C) f32
    SoftmaxKind kind = SoftmaxKind::softmax;
    TensorRef dx;  ///< (N, C) f32, added to
};

void softmax_forward(Context& ctx, SoftmaxArgs const& args);
void softmax_backward(Context& ctx, SoftmaxGradArgs const& args);
namespace cpu {
void softmax_forward(Context& ctx, SoftmaxArgs const& args);
void softmax_backward(Context& ctx, SoftmaxGradArgs const& args);
}  // namespace cpu
namespace cuda {
void softmax_forward(Context& ctx, SoftmaxArgs const& args);
void softmax_backward(Context& ctx, SoftmaxGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
