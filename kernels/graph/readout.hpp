/// \file kernels/graph/readout.hpp
/// One row per graph from the rows of its nodes:
///   y[b, column + c] = mean | max | sum over the n nodes i of graph b of x[i, c]
///   log_sum: sum / log(1 + max(n, 1)), which grows with n but does not run away
///   mean_max_log_sum: the three of them side by side, 3 F columns from one pass over x
/// Graphs have V nodes each, or rows row_ptr[b] .. row_ptr[b + 1] - 1; a graph without nodes gives 0.
/// y may be wider than F: [readout, energy] and the like are built in place, without a copy.
#pragma once

#include "runtime/context.hpp"
#include "runtime/names.hpp"

namespace calofuse {
enum class ReadoutKind : std::uint8_t { mean, max, sum, log_sum, mean_max_log_sum };
constexpr auto names_of(ReadoutKind)
{
    return std::to_array<Name<ReadoutKind>>({
        {ReadoutKind::mean, "mean"},
        {ReadoutKind::max, "max"},
        {ReadoutKind::sum, "sum"},
        {ReadoutKind::log_sum, "log_sum"},
        {ReadoutKind::mean_max_log_sum, "mean_max_log_sum"},
    });
}

/// Columns of y for `features` columns of x.
constexpr std::int64_t readout_width(ReadoutKind kind, std::int64_t features)
{
    return kind == ReadoutKind::mean_max_log_sum ? 3 * features : features;
}

struct ReadoutArgs {
    TensorRef x;  ///< (B, V, F) f32; with row_ptr: (N, F)
    TensorRef row_ptr =
        {};  ///< (B + 1) i32, ascending from 0, row_ptr[B] <= N; empty: V nodes each
    ReadoutKind kind = ReadoutKind::mean;
    std::int64_t column = 0;  ///< first column of y that is written
    TensorRef y;  ///< (B, L) f32, L >= column + readout_width; other columns are left alone
    TensorRef largest = {};  ///< (B, F) i32, where a maximum is taken: row of x that won (first of
                             ///< equals), or -1
};

/// dx[i, c] += dy[b, column + c] / n | to the winner only | dy[b, column + c] | ...
struct ReadoutGradArgs {
    TensorRef row_ptr = {};  ///< as in forward
    ReadoutKind kind = ReadoutKind::mean;
    std::int64_t column = 0;
    TensorRef dy;            ///< (B, L) f32
    TensorRef largest = {};  ///< (B, F) i32 of forward
    TensorRef dx;            ///< as x, added to
};

void readout_forward(Context& ctx, ReadoutArgs const& args);
void readout_backward(Context& ctx, ReadoutGradArgs const& args);

namespace cpu {
void readout_forward(Context& ctx, ReadoutArgs const& args);
void readout_backward(Context& ctx, ReadoutGradArgs const& args);
}  // namespace cpu
namespace cuda {
void readout_forward(Context& ctx, ReadoutArgs const& args);
void readout_backward(Context& ctx, ReadoutGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
