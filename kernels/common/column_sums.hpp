/// \file kernels/common/column_sums.hpp
/// The sums over the rows of a matrix as one row that the caller adds (conv2d).
#pragma once

#include "kernels/common/columns.cuh"

namespace calofuse::cuda {
inline std::int64_t column_sum_blocks(std::int64_t)
{
    return 1;
}
struct StoreColumn {
    float* out;
    __device__ void operator()(std::int64_t c, double sum) const
    {
        out[c] = static_cast<float>(sum);
    }
};
/// sums (1, C) of x (N, C)
inline void column_sums(Context& ctx, View<float const, 2> x, std::int32_t const* rows, float* sums)
{
    column_sums(ctx, "column_sums", Columns(x.shape[0], x.shape[1], rows),
                MatrixEntry<double, float>{x.data, x.shape[1]}, StoreColumn{sums});
}
}  // namespace calofuse::cuda
