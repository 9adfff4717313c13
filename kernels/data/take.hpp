/// \file kernels/data/take.hpp
/// The rows of a batch, out of a column of the events:
///   y[b, c] = row[b] < 0 ? 0 : (convert(data[row[b], c]) - mean[c]) * scale_inverse[c]
/// in f32, or without mean and scale; into i32 (class numbers) only without. c counts the elements of a
/// row, whatever its shape. Integers are rounded to the nearest f32; an i64 must fit where y is i32.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
struct TakeArgs {
    TensorRef row;                 ///< (B) i32  below N; < 0: padding
    TensorRef data;                ///< (N, ...) u8, u16, i32, i64 or f32
    TensorRef mean = {};           ///< (F) or (1) f32, F = elements of a row
    TensorRef scale_inverse = {};  ///< as mean
    TensorRef y;                   ///< (B, ...) f32 or, of integers, i32; F elements per row  out
};
void take(Context& ctx, TakeArgs const& args);

namespace cpu {
void take(Context& ctx, TakeArgs const& args);
}
namespace cuda {
void take(Context& ctx, TakeArgs const& args);
}
}  // namespace calofuse
