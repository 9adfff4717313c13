/// \file kernels/data/take_ragged.hpp
/// The rows of a batch, out of a ragged table (hits, particles): first where each event of the batch
/// begins, once per table, then each column.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
/// row_ptr[0] = 0;  row_ptr[b + 1] = row_ptr[b] + (row[b] < 0 ? 0 : count[row[b]])
struct TakeRowPtrArgs {
    TensorRef row;      ///< (B) i32  below N; < 0: padding
    TensorRef count;    ///< (N) i32  rows of each event, 0 among them
    TensorRef row_ptr;  ///< (B + 1) i32  out; below 2^31 in all
};
void take_row_ptr(Context& ctx, TakeRowPtrArgs const& args);

/// For each event b of the batch with row[b] >= 0 and i < row_ptr[b + 1] - row_ptr[b]:
///   y[row_ptr[b] + i, c] = (convert(data[first[row[b]] + i, c]) - mean[c]) * scale_inverse[c]
/// as in kernels/data/take.hpp. Rows of y from row_ptr[B] on are left as they are.
struct TakeRaggedArgs {
    TensorRef row;                 ///< (B) i32
    TensorRef first;               ///< (N) i64  an event's first row of data
    TensorRef row_ptr;             ///< (B + 1) i32  of take_row_ptr; row_ptr[B] <= capacity
    TensorRef data;                ///< (R, ...) u8, u16, i32, i64 or f32
    TensorRef mean = {};           ///< (F) or (1) f32, F = elements of a row
    TensorRef scale_inverse = {};  ///< as mean
    TensorRef y;                   ///< (capacity, ...) f32 or, of integers, i32  out
};
void take_ragged(Context& ctx, TakeRaggedArgs const& args);

namespace cpu {
void take_row_ptr(Context& ctx, TakeRowPtrArgs const& args);
void take_ragged(Context& ctx, TakeRaggedArgs const& args);
}  // namespace cpu
namespace cuda {
void take_row_ptr(Context& ctx, TakeRowPtrArgs const& args);
void take_ragged(Context& ctx, TakeRaggedArgs const& args);
}  // namespace cuda
}  // namespace calofuse
