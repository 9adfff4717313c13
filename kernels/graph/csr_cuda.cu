#include "kernels/common/nodes.cuh"
#include "kernels/common/scan.cuh"
#include "kernels/graph/csr.hpp"

// One warp a node. csr_symmetrise turns the edges round with integer atomics, whose order is forgotten
// when the list of a node is sorted; it sorts by counting smaller values, which takes deg^2 / 32 steps
// of a warp: right for the degrees of kNN graphs (tens), slow for stars.
// Bound by memory: csr_from_neighbours 8 k + 8 bytes a node, csr_symmetrise about 60 bytes an edge.
namespace calofuse::cuda {
namespace {
struct Symmetriser {
    std::int32_t const* edge_ptr;
    std::int32_t const* source;
    Loops loops;
    std::int32_t* reverse_ptr;  ///< (N + 1)
    std::int32_t* filled;       ///< (N) edges of each node that are turned round already
    std::int32_t* reverse;      ///< (E) targets of the edges that leave each node
    std::int32_t* merged;       ///< (2 E + N) all candidates of each node; ~value: not the first
    std::int32_t* out_ptr;
    std::int32_t* out;

    /// Node i has room for its edges, those that leave it, and a loop.
    __device__ std::int32_t* list_of(std::int32_t i) const
    {
        return merged + (std::int64_t{edge_ptr[i]} + reverse_ptr[i] + i);
    }
    __device__ int length_of(std::int32_t i) const
    {
        return edge_ptr[i + 1] - edge_ptr[i] + reverse_ptr[i + 1] - reverse_ptr[i]
               + (loops == Loops::all ? 1 : 0);
    }
};

__device__ void count_leaving(Symmetriser const& work, std::int32_t i, int lane)
{
    for (std::int32_t e = work.edge_ptr[i] + lane; e < work.edge_ptr[i + 1]; e += kWarp)
        atomicAdd(&work.reverse_ptr[work.source[e] + 1], 1);
}

__device__ void turn_round(Symmetriser const& work, std::int32_t i, int lane)
{
    for (std::int32_t e = work.edge_ptr[i] + lane; e < work.edge_ptr[i + 1]; e += kWarp) {
        std::int32_t const from = work.source[e];
        work.reverse[work.reverse_ptr[from] + atomicAdd(&work.filled[from], 1)] = i;
    }
}

/// Gathers the candidates of a node and counts the different ones: out_ptr[i + 1].
__device__ void merge(Symmetriser const& work, std::int32_t i, int lane)
{
    std::int32_t* const list = work.list_of(i);
    int const own = work.edge_ptr[i + 1] - work.edge_ptr[i];
    int const leaving = work.reverse_ptr[i + 1] - work.reverse_ptr[i];
    int const length = work.length_of(i);
    auto const candidate = [&](int t) {
        if (t < own) return work.source[work.edge_ptr[i] + t];
        return t < own + leaving ? work.reverse[work.reverse_ptr[i] + t - own] : i;
    };
    int count = 0;
    for (int base = 0; base < length; base += kWarp) {
        int const t = base + lane;
        bool keep = false;
        if (t < length) {
            std::int32_t const value = candidate(t);
            keep = value != i || work.loops != Loops::remove;
            for (int earlier = 0; keep && earlier < t; ++earlier)
                keep = candidate(earlier) != value;
            list[t] = keep ? value : ~value;
        }
        count += __popc(__ballot_sync(kFullMask, keep));
    }
    if (lane == 0) work.out_ptr[i + 1] = count;
}

/// A kept candidate goes behind all smaller ones.
__device__ void sort_merged(Symmetriser const& work, std::int32_t i, int lane)
{
    std::int32_t const* const list = work.list_of(i);
    int const length = work.length_of(i);
    for (int t = lane; t < length; t += kWarp) {
        std::int32_t const value = list[t];
        if (value < 0) continue;
        int smaller = 0;
        for (int other = 0; other < length; ++other)
            smaller += list[other] >= 0 && list[other] < value ? 1 : 0;
        work.out[work.out_ptr[i] + smaller] = value;
    }
}
}  // namespace

void csr_from_neighbours(Context& ctx, CsrFromNeighboursArgs const& args)
{
    auto const neighbours = args.neighbours.view<std::int32_t const, 2>();
    auto* const edge_ptr = static_cast<std::int32_t*>(args.edge_ptr.data);
    auto* const source = static_cast<std::int32_t*>(args.source.data);
    int const k = static_cast<int>(neighbours.shape[1]);
    Rows const rows(args.row_ptr, neighbours.shape[0]);
    // Rows are filled from the left, so the number of entries >= 0 is their count.
    each_node_warp(ctx, "csr_count", rows, [=] __device__(std::int32_t i, int lane) {
        int count = 0;
        for (int base = 0; base < k; base += kWarp) {
            int const s = base + lane;
            count += __popc(__ballot_sync(kFullMask, s < k && neighbours(i, s) >= 0));
        }
        if (lane == 0) edge_ptr[i + 1] = count;
    });
    add_up(ctx, "csr_add_up", edge_ptr, rows.capacity, rows.ptr + rows.graphs);
    each_node_warp(ctx, "csr_copy", rows, [=] __device__(std::int32_t i, int lane) {
        std::int32_t const begin = edge_ptr[i];
        for (int s = lane; s < edge_ptr[i + 1] - begin; s += kWarp)
            source[begin + s] = neighbours(i, s);
    });
}

void csr_symmetrise(Context& ctx, CsrSymmetriseArgs const& args)
{
    std::int64_t const nodes = args.edge_ptr.size() - 1;
    std::int64_t const edges = args.source.size();
    auto const reverse_ptr = ctx.scratch<std::int32_t>(nodes + 1);
    auto const filled = ctx.scratch<std::int32_t>(nodes);
    auto const reverse = ctx.scratch<std::int32_t>(edges);
    auto const merged = ctx.scratch<std::int32_t>(2 * edges + nodes);
    ctx.fill_zero(reverse_ptr.data(), static_cast<std::size_t>(nodes + 1) * sizeof(std::int32_t));
    ctx.fill_zero(filled.data(), static_cast<std::size_t>(nodes) * sizeof(std::int32_t));
    Symmetriser const work{static_cast<std::int32_t const*>(args.edge_ptr.data),
                           static_cast<std::int32_t const*>(args.source.data),
                           args.loops,
                           reverse_ptr.data(),
                           filled.data(),
                           reverse.data(),
                           merged.data(),
                           static_cast<std::int32_t*>(args.out_edge_ptr.data),
                           static_cast<std::int32_t*>(args.out_source.data)};
    Rows const rows(args.row_ptr, nodes);
    std::int32_t const* const num_rows = rows.ptr + rows.graphs;
    each_node_warp(ctx, "csr_count_leaving", rows,
                   [=] __device__(std::int32_t i, int lane) { count_leaving(work, i, lane); });
    add_up(ctx, "csr_add_up", work.reverse_ptr, nodes, num_rows);
    each_node_warp(ctx, "csr_turn_round", rows,
                   [=] __device__(std::int32_t i, int lane) { turn_round(work, i, lane); });
    each_node_warp(ctx, "csr_merge", rows,
                   [=] __device__(std::int32_t i, int lane) { merge(work, i, lane); });
    add_up(ctx, "csr_add_up", work.out_ptr, nodes, num_rows);
    each_node_warp(ctx, "csr_sort", rows,
                   [=] __device__(std::int32_t i, int lane) { sort_merged(work, i, lane); });
}
}  // namespace calofuse::cuda
