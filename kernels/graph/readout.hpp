/// \file kernels/graph/readout.hpp
/// One row per graph from the rows of its nodes:
///   y[b, column + c] = mean | max | sum over the nodes i of graph b of x[i, c]
/// Graphs have V nodes each, or rows row_ptr[b] .. row_ptr[b + 1] - 1; a graph without nodes gives 0.
/// y may be wider than F: [readout, energy] and the like are built in place, without a copy.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
enum class ReadoutKind : std::uint8_t { mean, max, sum };

struct ReadoutArgs {
    TensorRef x;             ///< (B, V, F) f32; with row_ptr: (N, F)
    TensorRef row_ptr = {};  ///< (B + 1) i32, ascending from 0 to N; empty: V nodes each
    ReadoutKind kind = ReadoutKind::mean;
    std::int64_t column = 0;  ///< first column of y that is written
    TensorRef y;              ///< (B, L) f32, L >= column + F; other columns are left alone
    TensorRef largest =
        {};  ///< (B, F) i32, kind max only: row of x that won (first of equals), or -1
};

/// dx[i, c] += dy[b, column + c] / count | to the winner only | dy[b, column + c]
struct ReadoutGradArgs {
    TensorRef row_ptr = {};  ///< as in forward
    ReadoutKind kind = ReadoutKind::mean;
    std::int64_t column = 0;
    TensorRef dy;            ///< (B, L) f32
    TensorRef largest = {};  ///< (B, F) i32 of forward, kind max only
    TensorRef dx;            ///< as x, added to
};

void readout_forward(Context& ctx, ReadoutArgs const& args);
void readout_backward(Context& ctx, ReadoutGradArgs const& args);

namespace cpu {
void readout_forward(Context& ctx, ReadoutArgs const& args);
void readout_backward(Context& ctx, ReadoutGradArgs const& args);
}  // namespace cpu
}  // namespace calofuse
