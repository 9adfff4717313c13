/// \file kernels/common/column_sums.hpp
/// Sums over the rows of a matrix on a GPU, as bias gradients need them: one partial sum for each block
/// of rows, for the caller to add in order.
#pragma once

#include "runtime/context.hpp"

namespace calofuse::cuda {
/// Partial sums that `rows` rows make.
std::int64_t column_sum_blocks(std::int64_t rows);
/// sums (column_sum_blocks(N), C) of x (N, C); rows (1) on the device: so many of N exist; null: all.
void column_sums(Context& ctx, View<float const, 2> x, std::int32_t const* rows, float* sums);
}  // namespace calofuse::cuda
