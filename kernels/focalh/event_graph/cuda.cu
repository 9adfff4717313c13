#include "kernels/device/nearest.cuh"
#include "kernels/focalh/event_graph.hpp"
#include "kernels/focalh/hits/cells.cuh"

// One warp an event throughout. Its hits are found twice over: once to count them (find), and, when
// the rows of all events are known, their labels are read back to build the graph; that costs 512 + 256
// bytes an event more, and no hit waits in memory for its place. Symmetric graphs need one more pass,
// because how many edges an event has is known only when its neighbours are. Without edges, the second
// pass writes the nodes and stops there.
// Bound by instructions: about n (n + 8 k) a warp for the neighbours of n hits; memory takes 1.3 KB an
// event, 112 bytes a hit and 20 bytes an edge.
namespace calofuse::cuda {
namespace {
constexpr int kFindWarps = 4;
constexpr int kBuildWarps = 2;
constexpr int kBuildBlocks =
    12;  ///< in a multiprocessor: registers for as many as shared memory holds
constexpr int kRegisterSlots = 8;
constexpr int kSetWords = kPaddedCells / kWarp;

struct Graphs {
    std::uint16_t const* adc;
    std::int32_t const* rows;
    float const* pedestal;
    CellLimits limits;
    HitOptions options;
    std::int64_t batch;
    std::int32_t* row_ptr;
    float* x;
    float* position;
    float* energy;           ///< may be null
    std::int32_t* edge_ptr;  ///< null: no edges
    std::int32_t* source;
    float* edge_x;             ///< may be null
    std::uint8_t* label;       ///< (B, 256)
    std::int32_t* first_edge;  ///< (B + 1)
    std::uint32_t* sets;       ///< (N, 8) symmetric graphs: sources of each node, bit by bit
    float* log_energy;         ///< (N)    symmetric graphs
};

/// What of each hit its edges need, in shared memory.
struct Nodes {
    float *px, *py;  ///< position units
    float *x, *y;    ///< 100 mm
    float* log_energy;
};

__device__ std::int64_t event_of_warp(int warps)
{
    return std::int64_t{blockIdx.x} * warps + warp_index();
}

__device__ void load_event(Graphs const& g, std::int64_t b, HitCells& e)
{
    std::uint16_t const* const adc = g.adc + std::int64_t{g.rows[b]} * kNumChannels;
    set_energies(e, [&](int k) {
        std::int32_t const c = g.limits.channels[k];
        return cell_energy(adc[c], g.pedestal[c]);
    });
}

__device__ int num_neighbours(Graphs const& g, int n)
{
    return min(g.options.neighbours, n - 1);
}

/// Labels and counts of every event.
__global__ __launch_bounds__(kFindWarps* kWarp) void find_kernel(Graphs g)
{
    __shared__ HitCells cells[kFindWarps];
    std::int64_t const b = event_of_warp(kFindWarps);
    if (b >= g.batch) return;
    int n = 0;
    if (g.rows[b] >= 0) {
        HitCells& e = cells[warp_index()];
        load_event(g, b, e);
        n = find_hits(e, g.options, g.limits);
        for_cells([&](int k) { g.label[b * kPaddedCells + k] = e.label[k]; });
    }
    if (lane_index() != 0) return;
    g.row_ptr[b + 1] = n;
    if (g.edge_ptr != nullptr) g.first_edge[b + 1] = n == 0 ? 0 : n * num_neighbours(g, n);
}

/// Features, positions and energies of the nodes of one event, and keep(hit, position, sum, features)
/// for what its edges need.
template <class F>
__device__ void write_nodes(
    Graphs const& g, std::int64_t b, int row, int n, HitCells& e, float* stage, F const& keep)
{
    load_event(g, b, e);
    for_cells([&](int k) { e.label[k] = g.label[b * kPaddedCells + k]; });
    __syncwarp();
    auto const write = [&](int hit, HitPosition const& p, HitSums const& s, float const* f) {
        auto const sum = static_cast<float>(s.sum);
        keep(hit, p, sum, f);
        std::int64_t const i = row + hit;
        g.position[2 * i] = p.x;
        g.position[2 * i + 1] = p.y;
        if (g.energy != nullptr) g.energy[i] = sum;
    };
    write_hits(e, n, stage, g.x + std::int64_t{row} * kNumHitFeatures, write);
}

/// The `k` nearest of node `target` to `list`.
template <class List>
__device__ void search(Nodes const& nodes, int n, int target, List& list)
{
    int const i = min(target, n - 1);  // idle lanes go along
    float const x = nodes.px[i];
    float const y = nodes.py[i];
    for (int j = 0; j < n; ++j) {
        float const d2 = rounded_square(x - nodes.px[j]) + rounded_square(y - nodes.py[j]);
        if (j != i) list.offer(d2, j);
    }
}

__device__ void write_edge(Graphs const& g, Nodes const& nodes, int row, int i, int j, int e)
{
    g.source[e] = row + j;
    if (g.edge_x != nullptr)
        write_hit_edge(nodes.x[j] - nodes.x[i], nodes.y[j] - nodes.y[i], nodes.log_energy[j],
                       nodes.log_energy[i], g.edge_x + std::int64_t{e} * kNumHitEdgeFeatures);
}

/// Nodes and edges of events whose every node has min(k, n - 1) of them. `near` has room for 32 k.
template <class List>
__device__ void write_nearest(Graphs const& g,
                              Nodes const& nodes,
                              int row,
                              int n,
                              int first_edge,
                              std::uint8_t* near,
                              void* lists)
{
    int const k = num_neighbours(g, n);
    for (int i = lane_index(); i < n; i += kWarp)
        g.edge_ptr[row + i] = first_edge + i * k;
    if (k == 0) return;
    for (int base = 0; base < n; base += kWarp) {
        int const target = base + lane_index();
        List list(lists, kWarp, k, lane_index());
        search(nodes, n, target, list);
        if (target < n)
            list.for_slots(k, [&](int s, float, std::int32_t j) {
                near[lane_index() * k + s] = static_cast<std::uint8_t>(j);
            });
        __syncwarp();
        int const count = min(kWarp, n - base) * k;
        for (int t = lane_index(); t < count; t += kWarp)
            write_edge(g, nodes, row, base + t / k, near[t], first_edge + base * k + t);
        __syncwarp();
    }
}

/// Sets of the nearest nodes and of those that have the node among theirs; counts their members.
template <class List>
__device__ int collect_sets(
    Graphs const& g, Nodes const& nodes, int n, std::uint32_t* sets, void* lists)
{
    int const k = num_neighbours(g, n);
    for (int i = lane_index(); i < n * kSetWords; i += kWarp)
        sets[i] = 0;
    __syncwarp();
    for (int base = 0; base < n && k > 0; base += kWarp) {
        int const target = base + lane_index();
        List list(lists, kWarp, k, lane_index());
        search(nodes, n, target, list);
        if (target < n)
            list.for_slots(k, [&](int, float, std::int32_t j) {
                atomicOr(&sets[target * kSetWords + j / kWarp], 1U << (j % kWarp));
                atomicOr(&sets[j * kSetWords + target / kWarp], 1U << (target % kWarp));
            });
    }
    __syncwarp();
    int members = 0;
    for (int i = lane_index(); i < n * kSetWords; i += kWarp)
        members += __popc(sets[i]);
    return __shfl_sync(kFullMask, warp_scan(members), kWarp - 1);
}

/// Of one warp in shared memory: cells and stage, then arrays by node, then sets, then lists.
struct BuildMemory {
    HitCells cells;
    float stage[kStage];
};

/// Without edges.
__global__ __launch_bounds__(kFindWarps* kWarp) void nodes_kernel(Graphs g)
{
    __shared__ BuildMemory memory[kFindWarps];
    std::int64_t const b = event_of_warp(kFindWarps);
    if (b >= g.batch) return;
    int const row = g.row_ptr[b];
    int const n = g.row_ptr[b + 1] - row;
    BuildMemory& own = memory[threadIdx.x / kWarp];
    if (n > 0)
        write_nodes(g, b, row, n, own.cells, own.stage,
                    [](int, HitPosition const&, float, float const*) {});
}

template <class List, bool kSymmetric>
struct BuildLayout {
    int nodes, k;
    __host__ __device__ explicit BuildLayout(HitOptions const& options)
        : nodes(max_hits(options.rule)), k(options.neighbours)
    {}
    __host__ __device__ int sets_at() const
    {
        return static_cast<int>(sizeof(BuildMemory)) + 5 * nodes * static_cast<int>(sizeof(float));
    }
    __host__ __device__ int lists_at() const
    {
        return sets_at() + (kSymmetric ? nodes * kSetWords * static_cast<int>(sizeof(float)) : 0);
    }
    __host__ __device__ int bytes() const
    {
        return lists_at() + kWarp * static_cast<int>(List::bytes(k));
    }
};

template <class List, bool kSymmetric>
__global__ __launch_bounds__(kBuildWarps* kWarp, kBuildBlocks) void build_kernel(Graphs g)
{
    extern __shared__ __align__(16) unsigned char all_memory[];
    BuildLayout<List, kSymmetric> const layout(g.options);
    unsigned char* const memory = all_memory + warp_index() * layout.bytes();
    auto& own = *reinterpret_cast<BuildMemory*>(memory);
    auto* const arrays = reinterpret_cast<float*>(memory + sizeof(BuildMemory));
    int const capacity = layout.nodes;
    Nodes const nodes{arrays, arrays + capacity, arrays + 2 * capacity, arrays + 3 * capacity,
                      arrays + 4 * capacity};
    std::int64_t const b = event_of_warp(kBuildWarps);
    if (!kSymmetric && b == 0 && lane_index() == 0)
        g.edge_ptr[g.row_ptr[g.batch]] = g.first_edge[g.batch];
    if (b >= g.batch) return;
    int const row = g.row_ptr[b];
    int const n = g.row_ptr[b + 1] - row;
    if (n == 0) return;
    write_nodes(g, b, row, n, own.cells, own.stage,
                [&](int hit, HitPosition const& p, float sum, float const* f) {
                    nodes.px[hit] = p.x;
                    nodes.py[hit] = p.y;
                    nodes.x[hit] = f[0];
                    nodes.y[hit] = f[1];
                    nodes.log_energy[hit] = log_positive(sum);
                });
    void* const lists = memory + layout.lists_at();
    if constexpr (!kSymmetric) {
        write_nearest<List>(g, nodes, row, n, g.first_edge[b],
                            reinterpret_cast<std::uint8_t*>(own.stage), lists);
    } else {
        auto* const sets = reinterpret_cast<std::uint32_t*>(memory + layout.sets_at());
        int const members = collect_sets<List>(g, nodes, n, sets, lists);
        if (lane_index() == 0) g.first_edge[b + 1] = members;
        for (int i = lane_index(); i < n * kSetWords; i += kWarp)
            g.sets[std::int64_t{row} * kSetWords + i] = sets[i];
        for (int i = lane_index(); i < n; i += kWarp)
            g.log_energy[row + i] = nodes.log_energy[i];
    }
}

/// Edges of symmetric graphs, target by target, from their sets.
__global__ __launch_bounds__(kFindWarps* kWarp) void symmetric_edges_kernel(Graphs g)
{
    std::int64_t const b = event_of_warp(kFindWarps);
    if (b == 0 && lane_index() == 0) g.edge_ptr[g.row_ptr[g.batch]] = g.first_edge[g.batch];
    if (b >= g.batch) return;
    int const row = g.row_ptr[b];
    int const n = g.row_ptr[b + 1] - row;
    int e = g.first_edge[b];
    for (int i = row; i < row + n; ++i) {
        if (lane_index() == 0) g.edge_ptr[i] = e;
        for (int word = 0; word * kWarp < n; ++word) {
            std::uint32_t const set = g.sets[std::int64_t{i} * kSetWords + word];
            if ((set >> lane_index() & 1U) != 0) {
                int const j = row + word * kWarp + lane_index();
                int const at = e + __popc(set & lanes_below());
                float const* const to = g.x + std::int64_t{i} * kNumHitFeatures;
                float const* const from = g.x + std::int64_t{j} * kNumHitFeatures;
                g.source[at] = j;
                if (g.edge_x != nullptr)
                    write_hit_edge(from[0] - to[0], from[1] - to[1], g.log_energy[j],
                                   g.log_energy[i],
                                   g.edge_x + std::int64_t{at} * kNumHitEdgeFeatures);
            }
            e += __popc(set);
        }
    }
}

template <class List, bool kSymmetric>
void build(Context& ctx, Graphs const& g)
{
    BuildLayout<List, kSymmetric> const layout(g.options);
    // At least one block: it ends edge_ptr.
    unsigned const blocks = std::max(1U, blocks_for(g.batch, kBuildWarps));
    launch(ctx,
           {"event_graph_build", blocks, kBuildWarps * kWarp,
            static_cast<std::size_t>(kBuildWarps * layout.bytes())},
           build_kernel<List, kSymmetric>, g);
    if constexpr (kSymmetric) {
        add_up(ctx, "event_graph_edges", g.first_edge, g.batch, nullptr);
        launch(ctx,
               {"event_graph_symmetric", std::max(1U, blocks_for(g.batch, kFindWarps)),
                kFindWarps * kWarp},
               symmetric_edges_kernel, g);
    }
}

template <class List>
void build(Context& ctx, Graphs const& g)
{
    g.options.symmetrise ? build<List, true>(ctx, g) : build<List, false>(ctx, g);
}
}  // namespace

void event_graph(Context& ctx, EventGraphArgs const& args)
{
    std::int64_t const batch = args.rows.size();
    bool const symmetric = args.options.symmetrise && !args.edge_ptr.empty();
    std::int64_t const capacity = symmetric ? args.x.shape[0] : 0;
    auto const label = ctx.scratch<std::uint8_t>(batch * kPaddedCells);
    auto const first_edge = ctx.scratch<std::int32_t>(args.edge_ptr.empty() ? 0 : batch + 1);
    auto const sets = ctx.scratch<std::uint32_t>(capacity * kSetWords);
    auto const log_energy = ctx.scratch<float>(capacity);
    Graphs const g{
        .adc = args.adc.flat<std::uint16_t const>().data,
        .rows = args.rows.flat<std::int32_t const>().data,
        .pedestal = args.pedestal.flat<float const>().data,
        .limits = {args.options.threshold_adc, static_cast<float const*>(args.noise.data),
                   args.channels.flat<std::int32_t const>().data},
        .options = args.options,
        .batch = batch,
        .row_ptr = args.row_ptr.flat<std::int32_t>().data,
        .x = args.x.flat<float>().data,
        .position = args.position.flat<float>().data,
        .energy = static_cast<float*>(args.energy.data),
        .edge_ptr = static_cast<std::int32_t*>(args.edge_ptr.data),
        .source = static_cast<std::int32_t*>(args.source.data),
        .edge_x = static_cast<float*>(args.edge_x.data),
        .label = label.data(),
        .first_edge = first_edge.data(),
        .sets = sets.data(),
        .log_energy = log_energy.data(),
    };
    launch(ctx, {"event_graph_find", blocks_for(batch, kFindWarps), kFindWarps * kWarp},
           find_kernel, g);
    add_up(ctx, "event_graph_rows", g.row_ptr, batch, nullptr);
    if (args.edge_ptr.empty())
        return launch(ctx, {"event_graph_nodes", blocks_for(batch, kFindWarps), kFindWarps * kWarp},
                      nodes_kernel, g);
    if (!args.options.symmetrise) add_up(ctx, "event_graph_edges", g.first_edge, batch, nullptr);
    if (args.options.neighbours <= kRegisterSlots)
        build<RegisterNearest<kRegisterSlots>>(ctx, g);
    else
        build<SharedNearest>(ctx, g);
}
}  // namespace calofuse::cuda
