#include "kernels/device/scan.cuh"
#include "kernels/graph/csr.hpp"
#include "kernels/graph/edges/out_edges.cuh"

// One warp a node. csr_symmetrise sorts the edges into a node and out of it by counting smaller values,
// which takes deg^2 / 32 steps of a warp: right for the degrees of kNN graphs (tens), slow for stars.
// Bound by memory: csr_from_neighbours 8 k + 8 bytes a node, csr_symmetrise about 60 bytes an edge.
namespace calofuse::cuda {
namespace {
struct Symmetriser {
    std::int32_t const* edge_ptr;
    std::int32_t const* source;
    Loops loops;
    OutEdges leaving;
    std::int32_t* merged;  ///< (2 E + N) all candidates of each node; ~value: not the first
    std::int32_t* out_ptr;
    std::int32_t* out;

    /// Node i has room for its edges, those that leave it, and a loop.
    __device__ std::int32_t* list_of(std::int32_t i) const
    {
        return merged + (std::int64_t{edge_ptr[i]} + leaving.begin[i] + i);
    }
    __device__ int length_of(std::int32_t i) const
    {
        return edge_ptr[i + 1] - edge_ptr[i] + leaving.end[i] - leaving.begin[i]
               + (loops == Loops::all ? 1 : 0);
    }
};

/// Gathers the candidates of a node and counts the different ones: out_ptr[i + 1].
__device__ void merge(Symmetriser const& work, std::int32_t i, int lane)
{
    std::int32_t* const list = work.list_of(i);
    int const own = work.edge_ptr[i + 1] - work.edge_ptr[i];
    std::int32_t const out = work.leaving.begin[i];
    int const leaving = work.leaving.end[i] - out;
    int const length = work.length_of(i);
    auto const candidate = [&](int t) {
        if (t < own) return work.source[work.edge_ptr[i] + t];
        return t < own + leaving ? work.leaving.target[out + t - own] : i;
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
    add_up(ctx, "csr_add_up", edge_ptr, rows.capacity, rows.exist());
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
    Rows const rows(args.row_ptr, nodes);
    OutEdgeLists const leaving(ctx, rows, InEdges(args.edge_ptr, args.source));
    auto const merged = ctx.scratch<std::int32_t>(2 * edges + nodes);
    Symmetriser const work{static_cast<std::int32_t const*>(args.edge_ptr.data),
                           static_cast<std::int32_t const*>(args.source.data),
                           args.loops,
                           leaving.view(),
                           merged.data(),
                           static_cast<std::int32_t*>(args.out_edge_ptr.data),
                           static_cast<std::int32_t*>(args.out_source.data)};
    each_node_warp(ctx, "csr_merge", rows,
                   [=] __device__(std::int32_t i, int lane) { merge(work, i, lane); });
    add_up(ctx, "csr_add_up", work.out_ptr, nodes, rows.exist());
    each_node_warp(ctx, "csr_sort", rows,
                   [=] __device__(std::int32_t i, int lane) { sort_merged(work, i, lane); });
}
}  // namespace calofuse::cuda
