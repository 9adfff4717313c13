/// \file kernels/dense/gather_rows.hpp
/// y[r, :] = x[index[r], :]. Weights that several rows share, written out once a row. For small tables:
/// backward on CUDA looks through the whole index for every element of dx, so that it adds in order
/// without atomics.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
struct GatherRowsArgs {
    TensorRef x;      ///< (N, C)  f32
    TensorRef index;  ///< (R)     i32  0 .. N - 1
    TensorRef y;      ///< (R, C)  f32  out
};
void gather_rows_forward(Context& ctx, GatherRowsArgs const& args);

/// dx[n, :] += sum of dy[r, :] over the rows r with index[r] = n, in ascending r.
struct GatherRowsGradArgs {
    TensorRef dy;     ///< (R, C)  f32
    TensorRef index;  ///< (R)     i32
    TensorRef dx;     ///< (N, C)  f32  accumulated
};
void gather_rows_backward(Context& ctx, GatherRowsGradArgs const& args);

namespace cpu {
void gather_rows_forward(Context& ctx, GatherRowsArgs const& args);
void gather_rows_backward(Context& ctx, GatherRowsGradArgs const& args);
}  // namespace cpu
namespace cuda {
void gather_rows_forward(Context& ctx, GatherRowsArgs const& args);
void gather_rows_backward(Context& ctx, GatherRowsGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
