/// \file kernels/graph/edge_conv/rows.cuh
/// What edge_conv does a node at a time in both directions: hidden values added up over the edges into
/// it, and products of (N, depth) whose rows are finished as they are written.
#pragma once

#include "kernels/device/nodes.cuh"
#include "kernels/gemm/gemm.cuh"
#include "kernels/graph/edge_conv/math.cuh"

namespace calofuse::cuda {
/// Sum or mean of the hidden values of the edges into node i. Bound by L2: 4 H bytes an edge.
struct HiddenOfNodes {
    EdgeConvGraph g;
    float* out;  ///< (N, hidden)
    __device__ void operator()(std::int32_t i, int lane) const
    {
        for (int h = lane; h < g.hidden; h += kWarp) {
            float sum = 0;
            for (std::int32_t e = g.edge_ptr[i]; e < g.edge_ptr[i + 1]; ++e)
                sum += g.hidden_of(i, g.source[e], h);
            out[static_cast<std::int64_t>(i) * g.hidden + h] = sum * g.scale(i);
        }
    }
};

/// out(row, column, sum) for the product of a (N, depth) and B. Bound by FLOP: 2 H O for each node.
template <class B, class Out>
__global__ void __launch_bounds__(kGemmThreads)
    product_kernel(Rows rows, float const* a, B b, Out out)
{
    __shared__ __align__(16) GemmShared shared;
    std::int64_t const first_row = std::int64_t{blockIdx.x} * kGemmRows;
    std::int64_t const first_column = std::int64_t{blockIdx.y} * kTileColumns;
    std::int32_t const count = rows.count();
    if (first_row >= count) return;
    FmaTile tile;
    multiply_block(MatrixFactor<true>{a, b.depths, count, b.depths}, b, first_row, first_column, 0,
                   b.depths, shared, tile);
    tile.each([&](int row, int column, float sum) {
        std::int64_t const i = first_row + row, j = first_column + column;
        if (i < count && j < b.lines) out(static_cast<std::int32_t>(i), static_cast<int>(j), sum);
    });
}
template <class B, class Out>
void multiply_rows(
    Context& ctx, char const* name, Rows const& rows, float const* a, B const& b, Out const& out)
{
    launch(ctx,
           {name, dim3(blocks_for(rows.capacity, kGemmRows), blocks_for(b.lines, kTileColumns)),
            kGemmThreads},
           product_kernel<B, Out>, rows, a, b, out);
}
}  // namespace calofuse::cuda
