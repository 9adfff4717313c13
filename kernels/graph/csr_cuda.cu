#include "kernels/common/scan.cuh"
#include "kernels/graph/csr.hpp"

// One warp a node. csr_symmetrise turns the edges round with integer atomics, whose order is forgotten
// when the list of a node is sorted; it sorts by counting smaller values, which takes deg^2 / 32 steps
// of a warp: right for the degrees of kNN graphs (tens), slow for stars.
// Bound by memory: csr_from_neighbours 8 k + 8 bytes a node, csr_symmetrise about 60 bytes an edge.
namespace calofuse::cuda {
namespace {
constexpr int kWarps = 8;

/// Row of this warp; rows from *count on do not exist.
__device__ std::int32_t row_of_warp()
{
    return static_cast<std::int32_t>(std::int64_t{blockIdx.x} * kWarps + threadIdx.x / kWarp);
}
__device__ int lane_id()
{
    return static_cast<int>(threadIdx.x % kWarp);
}

/// Rows are filled from the left, so the number of entries >= 0 is their count.
__global__ __launch_bounds__(kWarps* kWarp) void count_neighbours_kernel(
    std::int32_t const* rows, View<std::int32_t const, 2> neighbours, std::int32_t* edge_ptr)
{
    std::int32_t const i = row_of_warp();
    if (i >= *rows) return;
    int const k = static_cast<int>(neighbours.shape[1]);
    int count = 0;
    for (int base = 0; base < k; base += kWarp) {
        int const s = base + lane_id();
        count += __popc(__ballot_sync(kFullMask, s < k && neighbours(i, s) >= 0));
    }
    if (lane_id() == 0) edge_ptr[i + 1] = count;
}

__global__ __launch_bounds__(kWarps* kWarp) void copy_neighbours_kernel(
    std::int32_t const* rows,
    View<std::int32_t const, 2> neighbours,
    std::int32_t const* edge_ptr,
    std::int32_t* source)
{
    std::int32_t const i = row_of_warp();
    if (i >= *rows) return;
    std::int32_t const begin = edge_ptr[i];
    int const count = edge_ptr[i + 1] - begin;
    for (int s = lane_id(); s < count; s += kWarp)
        source[begin + s] = neighbours(i, s);
}

struct Symmetriser {
    std::int32_t const* rows;
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

__global__ __launch_bounds__(kWarps* kWarp) void count_leaving_kernel(Symmetriser work)
{
    std::int32_t const i = row_of_warp();
    if (i >= *work.rows) return;
    for (std::int32_t e = work.edge_ptr[i] + lane_id(); e < work.edge_ptr[i + 1]; e += kWarp)
        atomicAdd(&work.reverse_ptr[work.source[e] + 1], 1);
}

__global__ __launch_bounds__(kWarps* kWarp) void turn_round_kernel(Symmetriser work)
{
    std::int32_t const i = row_of_warp();
    if (i >= *work.rows) return;
    for (std::int32_t e = work.edge_ptr[i] + lane_id(); e < work.edge_ptr[i + 1]; e += kWarp) {
        std::int32_t const from = work.source[e];
        work.reverse[work.reverse_ptr[from] + atomicAdd(&work.filled[from], 1)] = i;
    }
}

/// Gathers the candidates of a node and counts the different ones: out_ptr[i + 1].
__global__ __launch_bounds__(kWarps* kWarp) void merge_kernel(Symmetriser work)
{
    std::int32_t const i = row_of_warp();
    if (i >= *work.rows) return;
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
        int const t = base + lane_id();
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
    if (lane_id() == 0) work.out_ptr[i + 1] = count;
}

/// A kept candidate goes behind all smaller ones.
__global__ __launch_bounds__(kWarps* kWarp) void sort_kernel(Symmetriser work)
{
    std::int32_t const i = row_of_warp();
    if (i >= *work.rows) return;
    std::int32_t const* const list = work.list_of(i);
    int const length = work.length_of(i);
    for (int t = lane_id(); t < length; t += kWarp) {
        std::int32_t const value = list[t];
        if (value < 0) continue;
        int smaller = 0;
        for (int other = 0; other < length; ++other)
            smaller += list[other] >= 0 && list[other] < value ? 1 : 0;
        work.out[work.out_ptr[i] + smaller] = value;
    }
}

template <class... P, class... A>
void launch_by_row(
    Context& ctx, char const* name, std::int64_t capacity, void (*kernel)(P...), A const&... args)
{
    launch(ctx, {name, blocks_for(capacity, kWarps), kWarps * kWarp}, kernel, args...);
}
}  // namespace

void csr_from_neighbours(Context& ctx, CsrFromNeighboursArgs const& args)
{
    auto const row_ptr = args.row_ptr.view<std::int32_t const, 1>();
    auto const neighbours = args.neighbours.view<std::int32_t const, 2>();
    auto* const edge_ptr = static_cast<std::int32_t*>(args.edge_ptr.data);
    auto* const source = static_cast<std::int32_t*>(args.source.data);
    std::int32_t const* const rows = row_ptr.data + row_ptr.size() - 1;
    std::int64_t const capacity = neighbours.shape[0];
    launch_by_row(ctx, "csr_count", capacity, count_neighbours_kernel, rows, neighbours, edge_ptr);
    add_up(ctx, "csr_add_up", edge_ptr, capacity, rows);
    launch_by_row(ctx, "csr_copy", capacity, copy_neighbours_kernel, rows, neighbours, edge_ptr,
                  source);
}

void csr_symmetrise(Context& ctx, CsrSymmetriseArgs const& args)
{
    auto const row_ptr = args.row_ptr.view<std::int32_t const, 1>();
    std::int64_t const nodes = args.edge_ptr.size() - 1;
    std::int64_t const edges = args.source.size();
    auto const reverse_ptr = ctx.scratch<std::int32_t>(nodes + 1);
    auto const filled = ctx.scratch<std::int32_t>(nodes);
    auto const reverse = ctx.scratch<std::int32_t>(edges);
    auto const merged = ctx.scratch<std::int32_t>(2 * edges + nodes);
    ctx.fill_zero(reverse_ptr.data(), static_cast<std::size_t>(nodes + 1) * sizeof(std::int32_t));
    ctx.fill_zero(filled.data(), static_cast<std::size_t>(nodes) * sizeof(std::int32_t));
    Symmetriser const work{row_ptr.data + row_ptr.size() - 1,
                           static_cast<std::int32_t const*>(args.edge_ptr.data),
                           static_cast<std::int32_t const*>(args.source.data),
                           args.loops,
                           reverse_ptr.data(),
                           filled.data(),
                           reverse.data(),
                           merged.data(),
                           static_cast<std::int32_t*>(args.out_edge_ptr.data),
                           static_cast<std::int32_t*>(args.out_source.data)};
    launch_by_row(ctx, "csr_count_leaving", nodes, count_leaving_kernel, work);
    add_up(ctx, "csr_add_up", work.reverse_ptr, nodes, work.rows);
    launch_by_row(ctx, "csr_turn_round", nodes, turn_round_kernel, work);
    launch_by_row(ctx, "csr_merge", nodes, merge_kernel, work);
    add_up(ctx, "csr_add_up", work.out_ptr, nodes, work.rows);
    launch_by_row(ctx, "csr_sort", nodes, sort_kernel, work);
}
}  // namespace calofuse::cuda
