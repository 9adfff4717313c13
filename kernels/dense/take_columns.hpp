/// \file kernels/dense/take_columns.hpp
/// y[n, i] = x[n, first + i]: some columns of every row, side by side.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
struct TakeColumnsArgs {
    TensorRef x;             ///< (N, W) f32
    std::int64_t first = 0;  ///< first + w <= W
    TensorRef y;             ///< (N, w) f32
};

/// dx[n, first + i] += dy[n, i]
struct TakeColumnsGradArgs {
    TensorRef dy;  ///< (N, w) f32
    std::int64_t first = 0;
    TensorRef dx;  ///< (N, W) f32, added to
};

void take_columns_forward(Context& ctx, TakeColumnsArgs const& args);
void take_columns_backward(Context& ctx, TakeColumnsGradArgs const& args);
namespace cpu {
void take_columns_forward(Context& ctx, TakeColumnsArgs const& args);
void take_columns_backward(Context& ctx, TakeColumnsGradArgs const& args);
}  // namespace cpu
namespace cuda {
void take_columns_forward(Context& ctx, TakeColumnsArgs const& args);
void take_columns_backward(Context& ctx, TakeColumnsGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
