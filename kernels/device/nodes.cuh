/// \file kernels/device/nodes.cuh
/// Work on the nodes of a ragged batch. Grids cover the capacity N, which is known; how many rows
/// exist is read on the device.
#pragma once

#include "kernels/device/launch.cuh"
#include "kernels/device/reduce.cuh"

namespace calofuse::cuda {
inline constexpr int kNodeThreads = 256;
inline constexpr int kNodesPerBlock = kNodeThreads / kWarp;

struct Rows {
    std::int32_t const* ptr;  ///< (graphs + 1); null: all rows of the capacity exist
    std::int64_t graphs, capacity;

    Rows(TensorRef const& row_ptr, std::int64_t rows)
        : ptr(static_cast<std::int32_t const*>(row_ptr.data))
        , graphs(row_ptr.shape[0] - 1)
        , capacity(rows)
    {}
    __device__ std::int32_t count() const
    {
        return ptr == nullptr ? static_cast<std::int32_t>(capacity) : ptr[graphs];
    }
    /// (1) on the device: what count() reads; null: all rows exist
    std::int32_t const* exist() const { return ptr == nullptr ? nullptr : ptr + graphs; }
    /// The graph that has this row, found by a whole warp: each turn leaves a 32nd of the graphs.
    __device__ std::int32_t graph_of(std::int32_t row, int lane) const
    {
        std::int32_t low = 0, high = static_cast<std::int32_t>(graphs);
        while (low < high) {  // graph: the first whose end is behind the row
            std::int32_t const step = (high - low + kWarp - 1) / kWarp;
            std::int32_t const graph = low + lane * step + step - 1;
            bool const before = graph < high && ptr[graph + 1] <= row;
            low += step * __popc(__ballot_sync(kFullMask, before));
            high = low + step - 1 < high ? low + step - 1 : high;
        }
        return low;
    }
};

/// f(node, lane) by all lanes of one warp for each node that exists.
template <class F>
__global__ void __launch_bounds__(kNodeThreads, 4) each_node_warp_kernel(Rows rows, F f)
{
    std::int64_t const node = std::int64_t{blockIdx.x} * kNodesPerBlock + warp_index();
    if (node < rows.count()) f(static_cast<std::int32_t>(node), lane_index());
}
template <class F>
void each_node_warp(Context& ctx, char const* name, Rows const& rows, F const& f)
{
    launch(ctx, {name, blocks_for(rows.capacity, kNodesPerBlock), kNodeThreads},
           each_node_warp_kernel<F>, rows, f);
}

/// f(node) by one thread for each node that exists.
template <class F>
__global__ void __launch_bounds__(kNodeThreads) each_node_kernel(Rows rows, F f)
{
    std::int64_t const node = std::int64_t{blockIdx.x} * kNodeThreads + threadIdx.x;
    if (node < rows.count()) f(static_cast<std::int32_t>(node));
}
template <class F>
void each_node(Context& ctx, char const* name, Rows const& rows, F const& f)
{
    launch(ctx, {name, blocks_for(rows.capacity, kNodeThreads), kNodeThreads}, each_node_kernel<F>,
           rows, f);
}
}  // namespace calofuse::cuda
