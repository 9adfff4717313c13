#include "kernels/dense/gather_rows.hpp"
#include "kernels/device/launch.cuh"

// Backward: one thread an element of dx looks through the whole index, in the order in which the CPU
// adds: N C R loads of the index, which are broadcasts from the cache. Right for the small tables of
// shared weights (9 modules) that this operator is for, wrong for embeddings of many rows.
namespace calofuse::cuda {
namespace {
constexpr int kThreads = 256;

/// One thread an element of y; blockIdx.y: row.
__global__ void __launch_bounds__(kThreads)
    gather(View<float const, 2> x, View<std::int32_t const, 1> index, View<float, 2> y)
{
    std::int64_t const c = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
    if (c >= y.shape[1]) return;
    for (std::int64_t r = blockIdx.y; r < y.shape[0]; r += gridDim.y)
        y(r, c) = x(index[r], c);
}

__global__ void __launch_bounds__(kThreads)
    add_gathered(View<float const, 2> dy, View<std::int32_t const, 1> index, View<float, 2> dx)
{
    std::int64_t const c = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
    if (c >= dx.shape[1]) return;
    for (std::int64_t n = blockIdx.y; n < dx.shape[0]; n += gridDim.y) {
        float sum = dx(n, c);
        for (std::int64_t r = 0; r < dy.shape[0]; ++r)
            if (index[r] == n) sum += dy(r, c);
        dx(n, c) = sum;
    }
}

dim3 grid_for(std::int64_t rows, std::int64_t columns)
{
    constexpr std::int64_t kMostRows = 65535;  // of a grid in y
    return {blocks_for(columns, kThreads), blocks_for(rows, 1, kMostRows), 1};
}
}  // namespace

void gather_rows_forward(Context& ctx, GatherRowsArgs const& args)
{
    auto const y = args.y.view<float, 2>();
    launch(ctx, {"gather_rows_forward", grid_for(y.shape[0], y.shape[1]), kThreads}, gather,
           args.x.view<float const, 2>(), args.index.view<std::int32_t const, 1>(), y);
}

void gather_rows_backward(Context& ctx, GatherRowsGradArgs const& args)
{
    auto const dx = args.dx.view<float, 2>();
    launch(ctx, {"gather_rows_backward", grid_for(dx.shape[0], dx.shape[1]), kThreads},
           add_gathered, args.dy.view<float const, 2>(), args.index.view<std::int32_t const, 1>(),
           dx);
}
}  // namespace calofuse::cuda
