/// \file kernels/common/event_sources.cuh
/// The edges of an event by their sources, made by the block that handles the event: so gradients of
/// sources are gathered, each in the order of its edges, without float atomics.
#pragma once

#include <cstdint>

#include "kernels/common/launch.cuh"

namespace calofuse::cuda {
/// Scratch of N and E numbers.
struct EventSources {
    std::int32_t* end;     ///< (N): end in `edge` of the edges that leave a node
    std::int32_t* edge;    ///< (E): edges by source, those of a source in order
    std::int32_t* target;  ///< (E): node that an edge enters
    std::int32_t* work;    ///< (E)

    /// Where the edges that leave node j begin in `edge`.
    __device__ std::int32_t begin_of(std::int32_t j,
                                     std::int32_t first_node,
                                     std::int32_t first_edge) const
    {
        return j == first_node ? first_edge : end[j - 1];
    }
};

/// Of nodes begin .. end - 1, by a whole block of whole warps. Atomics count and place integers; what
/// they leave in any order is ordered at the end.
__device__ inline void find_sources(EventSources const& out,
                                    std::int32_t begin,
                                    std::int32_t end,
                                    std::int32_t const* edge_ptr,
                                    std::int32_t const* source)
{
    int const threads = static_cast<int>(blockDim.x), thread = static_cast<int>(threadIdx.x);
    int const lane = thread % kWarp, warp = thread / kWarp, warps = threads / kWarp;
    std::int32_t const first = edge_ptr[begin], last = edge_ptr[end];
#pragma unroll 1
    for (std::int32_t i = begin + thread; i < end; i += threads)
        out.end[i] = 0;
#pragma unroll 1
    for (std::int32_t i = begin + warp; i < end; i += warps)
        for (std::int32_t e = edge_ptr[i] + lane; e < edge_ptr[i + 1]; e += kWarp)
            out.target[e] = i;
    __syncthreads();
#pragma unroll 2
    for (std::int32_t e = first + thread; e < last; e += threads)
        atomicAdd(out.end + source[e], 1);
    __syncthreads();
    if (warp == 0) {  // from counts to where each node's edges begin
        std::int32_t sum = first;
#pragma unroll 1
        for (std::int32_t i0 = begin; i0 < end; i0 += kWarp) {
            std::int32_t const i = i0 + lane;
            std::int32_t const count = i < end ? out.end[i] : 0;
            std::int32_t upto = count;
            for (int offset = 1; offset < kWarp; offset *= 2) {
                std::int32_t const left = __shfl_up_sync(kFullMask, upto, offset);
                if (lane >= offset) upto += left;
            }
            if (i < end) out.end[i] = sum + upto - count;
            sum += __shfl_sync(kFullMask, upto, kWarp - 1);
        }
    }
    __syncthreads();
#pragma unroll 2
    for (std::int32_t e = first + thread; e < last; e += threads)
        out.work[atomicAdd(out.end + source[e], 1)] = e;
    __syncthreads();
#pragma unroll 1
    for (std::int32_t j = begin + warp; j < end; j += warps) {
        std::int32_t const from = out.begin_of(j, begin, first), to = out.end[j];
#pragma unroll 1
        for (std::int32_t a = from + lane; a < to; a += kWarp) {
            std::int32_t const e = out.work[a];
            std::int32_t place = from;
#pragma unroll 2
            for (std::int32_t b = from; b < to; ++b)
                place += out.work[b] < e ? 1 : 0;
            out.edge[place] = e;
        }
    }
    __syncthreads();
}
}  // namespace calofuse::cuda
