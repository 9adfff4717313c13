/// \file kernels/dense/zero_rows.hpp
/// x[n, :] = 0 for the rows n < row_ptr[B] that exist in a ragged batch.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
struct ZeroRowsArgs {
    TensorRef row_ptr;  ///< (B + 1) i32, row_ptr[B] <= N
    TensorRef x;        ///< (N, F) f32
};

void zero_rows(Context& ctx, ZeroRowsArgs const& args);
namespace cpu {
void zero_rows(Context& ctx, ZeroRowsArgs const& args);
}  // namespace cpu
namespace cuda {
void zero_rows(Context& ctx, ZeroRowsArgs const& args);
}  // namespace cuda
}  // namespace calofuse
