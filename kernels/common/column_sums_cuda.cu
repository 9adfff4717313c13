#include "kernels/common/column_sums.hpp"
#include "kernels/common/launch.cuh"

namespace calofuse::cuda {
namespace {
constexpr int kColumns = 32, kLanes = 8;
constexpr std::int64_t kRowsPerBlock = 512;

/// Reads x once: 4 bytes a value.
__global__ void __launch_bounds__(kColumns* kLanes)
    column_sums_kernel(View<float const, 2> x, std::int32_t const* rows, float* sums)
{
    __shared__ float of_lane[kLanes][kColumns];
    std::int64_t const exist = rows == nullptr ? x.shape[0] : std::int64_t{*rows};
    std::int64_t const column = std::int64_t{blockIdx.y} * kColumns + threadIdx.x;
    std::int64_t const begin = blockIdx.x * kRowsPerBlock;
    std::int64_t const end = min(begin + kRowsPerBlock, exist);
    float sum = 0;
    if (column < x.shape[1])
        for (std::int64_t n = begin + threadIdx.y; n < end; n += kLanes)
            sum += x.data[n * x.shape[1] + column];
    of_lane[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y > 0 || column >= x.shape[1]) return;
    for (int lane = 1; lane < kLanes; ++lane)
        sum += of_lane[lane][threadIdx.x];
    sums[blockIdx.x * x.shape[1] + column] = sum;
}
}  // namespace

std::int64_t column_sum_blocks(std::int64_t rows)
{
    return blocks_for(rows, kRowsPerBlock);
}

void column_sums(Context& ctx, View<float const, 2> x, std::int32_t const* rows, float* sums)
{
    launch(ctx,
           {"column_sums",
            dim3(static_cast<unsigned>(column_sum_blocks(x.shape[0])),
                 blocks_for(x.shape[1], kColumns)),
            dim3(kColumns, kLanes)},
           column_sums_kernel, x, rows, sums);
}
}  // namespace calofuse::cuda
