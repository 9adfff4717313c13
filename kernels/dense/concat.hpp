/// \file kernels/dense/concat.hpp
/// Two tensors side by side: y[n, c] = c < A ? a[n, c] : b[n, c - A].
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
struct ConcatArgs {
    TensorRef a;  ///< (N, A) f32
    TensorRef b;  ///< (N, B) f32
    TensorRef y;  ///< (N, A + B) f32
};

/// Each of da, db is added to, and left out where empty.
struct ConcatGradArgs {
    TensorRef dy;       ///< (N, A + B) f32
    TensorRef da = {};  ///< (N, A) f32, or empty: then A is what db leaves
    TensorRef db = {};  ///< (N, B) f32, or empty: then B is what da leaves
};

void concat_forward(Context& ctx, ConcatArgs const& args);
void concat_backward(Context& ctx, ConcatGradArgs const& args);
namespace cpu {
void concat_forward(Context& ctx, ConcatArgs const& args);
void concat_backward(Context& ctx, ConcatGradArgs const& args);
}  // namespace cpu
namespace cuda {
void concat_forward(Context& ctx, ConcatArgs const& args);
void concat_backward(Context& ctx, ConcatGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
