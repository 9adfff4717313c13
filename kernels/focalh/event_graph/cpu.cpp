#include <algorithm>
#include <array>
#include <bit>

#include "kernels/focalh/event_graph.hpp"
#include "kernels/focalh/hits/cells.hpp"
#include "kernels/focalh/hits/math.hpp"
#include "kernels/math/small_knn.hpp"
#include "runtime/focalh/channel_map.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kEventsPerItem = 16;

/// All tensors, checked and typed once.
struct Graphs {
    View<std::int32_t, 1> row_ptr;
    float* x;
    float* position;
    float* energy;           ///< may be null
    std::int32_t* edge_ptr;  ///< null: no edges
    std::int32_t* source;
    float* edge_x;  ///< may be null
    int k;
};

int num_neighbours(int n, int k)
{
    return std::min(k, n - 1);  // of an event with hits
}

/// The hits of every event, and row_ptr.
void find_all_hits(Context& ctx, EventGraphArgs const& args, Graphs const& out, EventHits* hits)
{
    auto const adc = args.adc.view<std::uint16_t const, 2>();
    auto const rows = args.rows.view<std::int32_t const, 1>();
    auto const* const channels = args.channels.flat<std::int32_t const>().data;
    auto const* const pedestal = args.pedestal.flat<float const>().data;
    float const* const noise = args.noise.empty() ? nullptr : args.noise.flat<float const>().data;
    float limit[kPaddedCells];
    cell_limits(args.options.threshold_adc, noise, channels, limit);
    parallel_chunks(ctx, rows.size(), kEventsPerItem, [&](auto begin, auto end, auto) {
        float a[kPaddedCells];
        for (std::int64_t b = begin; b < end; ++b) {
            CALOFUSE_ASSERT(rows[b] < adc.shape[0]);
            hits[b].num_hits = 0;
            if (rows[b] >= 0) {
                cell_energies(adc.data + rows[b] * adc.shape[1], pedestal, channels, kNumCells, a);
                find_hits(args.options, limit, a, hits[b]);
            }
            out.row_ptr[b + 1] = hits[b].num_hits;
        }
    });
    out.row_ptr[0] = 0;
    for (std::int64_t b = 0; b < rows.size(); ++b)
        out.row_ptr[b + 1] += out.row_ptr[b];
}

/// Features, positions and energies of the nodes of one event.
void write_nodes(Graphs const& out, EventHits const& hits, std::int64_t row)
{
    hit_features(hits, out.x + row * kNumHitFeatures, out.position + 2 * row,
                 out.energy == nullptr ? nullptr : out.energy + row);
}

/// (dx, dy, d, log ratio of energies) of the edges of one event, whose edge_ptr is written.
void write_edge_features(Graphs const& out, EventHits const& hits, int row, int end)
{
    std::array<double, kNumCells> sum{};
    std::array<float, kNumCells> log_energy;
    for (int i = 0; i < hits.num_cells; ++i)
        sum[hits.hit[i]] += hits.energy[i];
    for (std::size_t h = 0; h < static_cast<std::size_t>(hits.num_hits); ++h)
        log_energy[h] = log_positive(static_cast<float>(sum[h]));
    for (int i = row; i < row + hits.num_hits; ++i) {
        int const last = i + 1 < row + hits.num_hits ? out.edge_ptr[i + 1] : end;
        for (int e = out.edge_ptr[i]; e < last; ++e) {
            int const j = out.source[e];
            float const dx = out.x[j * kNumHitFeatures] - out.x[i * kNumHitFeatures];
            float const dy = out.x[j * kNumHitFeatures + 1] - out.x[i * kNumHitFeatures + 1];
            write_hit_edge(dx, dy, log_energy[static_cast<std::size_t>(j - row)],
                           log_energy[static_cast<std::size_t>(i - row)],
                           out.edge_x + std::int64_t{e} * kNumHitEdgeFeatures);
        }
    }
}

/// Edges of events whose every node has min(k, n - 1) of them.
void write_nearest(Graphs const& out, EventHits const& hits, int row, int first_edge)
{
    int const n = hits.num_hits;
    int const k = num_neighbours(n, out.k);
    for (int i = 0; i < n; ++i)
        out.edge_ptr[row + i] = first_edge + i * k;
    if (k > 0) small_knn({out.position + 2 * row, n, 2, k, row, out.source + first_edge});
    if (out.edge_x != nullptr) write_edge_features(out, hits, row, first_edge + n * k);
}

/// For each node of an event its nearest ones and those that have it among their nearest.
struct Either {
    std::array<std::array<std::uint64_t, 4>, kNumCells> of;
    int count = 0;

    Either(std::int32_t const* nearest, int n, int k)
    {
        auto const add = [this](int to, int from) {
            of[static_cast<std::size_t>(to)][static_cast<std::size_t>(from / 64)] |=
                std::uint64_t{1} << (from % 64);
        };
        std::fill_n(of.begin(), n, std::array<std::uint64_t, 4>{});
        for (int i = 0; i < n; ++i)
            for (int r = 0; r < k; ++r) {
                add(i, nearest[i * k + r]);
                add(nearest[i * k + r], i);
            }
        for (int i = 0; i < n; ++i)
            for (std::uint64_t const word : of[static_cast<std::size_t>(i)])
                count += std::popcount(word);
    }
};

void write_symmetric(
    Graphs const& out, EventHits const& hits, std::int32_t const* nearest, int row, int first_edge)
{
    int const n = hits.num_hits;
    Either const either(nearest, n, num_neighbours(n, out.k));
    int e = first_edge;
    for (int i = 0; i < n; ++i) {
        out.edge_ptr[row + i] = e;
        auto const& set = either.of[static_cast<std::size_t>(i)];
        for (std::size_t w = 0; w < set.size(); ++w)
            for (std::uint64_t word = set[w]; word != 0; word &= word - 1)
                out.source[e++] = row + static_cast<int>(w) * 64 + std::countr_zero(word);
    }
    if (out.edge_x != nullptr) write_edge_features(out, hits, row, e);
}

/// f(b, row) for each event that has hits.
template <class F>
void for_events(Context& ctx, Graphs const& out, F&& f)
{
    parallel_chunks(ctx, out.row_ptr.size() - 1, kEventsPerItem, [&](auto begin, auto end, auto) {
        for (std::int64_t b = begin; b < end; ++b)
            if (out.row_ptr[b + 1] > out.row_ptr[b]) f(b, out.row_ptr[b]);
    });
}

void write_nodes_and_edges(Context& ctx,
                           HitOptions const& options,
                           Graphs const& out,
                           EventHits const* hits)
{
    std::int64_t const batch = out.row_ptr.size() - 1;
    auto const first_edge = ctx.scratch<std::int32_t>(batch + 1);
    auto const nearest = ctx.scratch<std::int32_t>(
        options.symmetrise ? std::int64_t{out.row_ptr[batch]} * out.k : 0);
    // Edges of each event, then their sums.
    first_edge.data()[0] = 0;
    for (std::int64_t b = 0; b < batch; ++b) {
        int const n = hits[b].num_hits;
        first_edge.data()[b + 1] = n == 0 ? 0 : n * num_neighbours(n, out.k);
    }
    if (options.symmetrise)
        for_events(ctx, out, [&](std::int64_t b, int row) {
            int const n = hits[b].num_hits;
            int const k = num_neighbours(n, out.k);
            write_nodes(out, hits[b], row);
            std::int32_t* const list = nearest.data() + std::int64_t{row} * out.k;
            if (k > 0) small_knn({out.position + 2 * row, n, 2, k, 0, list});
            first_edge.data()[b + 1] = Either(list, n, k).count;
        });
    for (std::int64_t b = 0; b < batch; ++b)
        first_edge.data()[b + 1] += first_edge.data()[b];

    for_events(ctx, out, [&](std::int64_t b, int row) {
        int const first = first_edge.data()[b];
        if (options.symmetrise) {
            write_symmetric(out, hits[b], nearest.data() + std::int64_t{row} * out.k, row, first);
        } else {
            write_nodes(out, hits[b], row);
            write_nearest(out, hits[b], row, first);
        }
    });
    out.edge_ptr[out.row_ptr[batch]] = first_edge.data()[batch];
}
}  // namespace

void event_graph(Context& ctx, EventGraphArgs const& args)
{
    Graphs const out{args.row_ptr.view<std::int32_t, 1>(),
                     args.x.flat<float>().data,
                     args.position.flat<float>().data,
                     static_cast<float*>(args.energy.data),
                     static_cast<std::int32_t*>(args.edge_ptr.data),
                     static_cast<std::int32_t*>(args.source.data),
                     static_cast<float*>(args.edge_x.data),
                     args.options.neighbours};
    auto const hits = ctx.scratch<EventHits>(out.row_ptr.size() - 1);
    find_all_hits(ctx, args, out, hits.data());
    if (out.edge_ptr != nullptr)
        write_nodes_and_edges(ctx, args.options, out, hits.data());
    else
        for_events(ctx, out,
                   [&](std::int64_t b, int row) { write_nodes(out, hits.data()[b], row); });
}
}  // namespace calofuse::cpu
