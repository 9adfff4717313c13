/// \file kernels/graph/edges/out_edges.cuh
/// The edges out of every node of a ragged batch. What the CPU scatters to the sources of edges
/// becomes a sum over these lists, whose order is that of the edges: no atomics on floats, and the
/// same bits on every run.
#pragma once

#include "kernels/device/nodes.cuh"

namespace calofuse::cuda {
/// Edges into node i: edge_ptr[i] .. edge_ptr[i + 1] - 1, or i width .. (i + 1) width - 1 where
/// edge_ptr is null. An edge whose source is negative does not exist.
struct InEdges {
    std::int32_t const* edge_ptr;
    std::int32_t const* source;
    std::int64_t width, capacity;

    InEdges(TensorRef const& ptr, TensorRef const& from)
        : edge_ptr(static_cast<std::int32_t const*>(ptr.data))
        , source(static_cast<std::int32_t const*>(from.data))
        , width(0)
        , capacity(from.shape[0])
    {}
    /// neighbours (N, k)
    explicit InEdges(TensorRef const& neighbours)
        : edge_ptr(nullptr)
        , source(static_cast<std::int32_t const*>(neighbours.data))
        , width(neighbours.shape[1])
        , capacity(neighbours.size())
    {}
    __device__ std::int64_t begin(std::int64_t i) const
    {
        return edge_ptr == nullptr ? i * width : edge_ptr[i];
    }
    __device__ std::int64_t end(std::int64_t i) const { return begin(i + 1); }
};

/// Edges out of node j: those at places begin[j] .. end[j] - 1, rising.
struct OutEdges {
    std::int32_t const *begin, *end;  ///< (N)
    std::int32_t const *edge, *target;
};

/// One thread a node: its edges learn their target, and their sources are counted.
struct CountOutEdges {
    InEdges in;
    std::int32_t *count, *target_of;
    __device__ void operator()(std::int32_t i) const
    {
        for (std::int64_t e = in.begin(i), end = in.end(i); e < end; ++e) {
            target_of[e] = i;
            if (in.source[e] >= 0) atomicAdd(count + in.source[e], 1);
        }
    }
};

/// One warp a graph. Its lists take the places of its edges: `last` holds counts before, begins in
/// between and ends after. 32 edges at a time find their rank among those of the same source.
static __global__ void __launch_bounds__(kWarp)
    place_out_edges_kernel(Rows rows,
                           InEdges in,
                           std::int32_t const* target_of,
                           std::int32_t* first,
                           std::int32_t* last,
                           std::int32_t* edge,
                           std::int32_t* target)
{
    int const lane = lane_index();
    std::int32_t const begin = rows.ptr[blockIdx.x], end = rows.ptr[blockIdx.x + 1];
    auto place = static_cast<std::int32_t>(in.begin(begin));
    for (std::int32_t j0 = begin; j0 < end; j0 += kWarp) {
        std::int32_t const j = j0 + lane;
        std::int32_t const own = j < end ? last[j] : 0;
        std::int32_t const sum = warp_scan(own);
        if (j < end) first[j] = last[j] = place + sum - own;
        place += __shfl_sync(kFullMask, sum, kWarp - 1);
    }
    __syncwarp();
    for (std::int64_t e0 = in.begin(begin), stop = in.begin(end); e0 < stop; e0 += kWarp) {
        std::int64_t const e = e0 + lane;
        std::int32_t const j = e < stop ? in.source[e] : -1;
        unsigned const peers = __match_any_sync(kFullMask, j);
        std::int32_t const free = j >= 0 ? last[j] : 0;
        __syncwarp();
        unsigned const lower = peers & lanes_below();
        if (j >= 0) {
            std::int32_t const at = free + __popc(lower);
            edge[at] = static_cast<std::int32_t>(e);
            target[at] = target_of[e];
            if (lower == 0) last[j] = free + __popc(peers);
        }
        __syncwarp();
    }
}

/// The lists and the memory they are in. Bound by memory: about 40 bytes an edge.
class OutEdgeLists {
  public:
    OutEdgeLists(Context& ctx, Rows const& rows, InEdges const& in)
        : first_(ctx.scratch<std::int32_t>(rows.capacity))
        , last_(ctx.scratch<std::int32_t>(rows.capacity))
        , edge_(ctx.scratch<std::int32_t>(in.capacity))
        , target_(ctx.scratch<std::int32_t>(in.capacity))
    {
        auto const target_of = ctx.scratch<std::int32_t>(in.capacity);
        ctx.fill_zero(last_.data(), static_cast<std::size_t>(last_.size()) * sizeof(std::int32_t));
        each_node(ctx, "count_out_edges", rows, CountOutEdges{in, last_.data(), target_of.data()});
        launch(ctx, {"place_out_edges", static_cast<unsigned>(rows.graphs), kWarp},
               place_out_edges_kernel, rows, in, target_of.data(), first_.data(), last_.data(),
               edge_.data(), target_.data());
    }
    OutEdges view() const { return {first_.data(), last_.data(), edge_.data(), target_.data()}; }

  private:
    Block<std::int32_t> first_, last_, edge_, target_;
};
}  // namespace calofuse::cuda
