#include <algorithm>

#include "kernels/graph/csr.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kRowsPerItem = 4096;
constexpr std::int64_t kGraphsPerItem = 16;

/// Counts at ptr[1 ..] become the ends of their ranges.
void add_up(std::int32_t* ptr, std::int64_t count)
{
    ptr[0] = 0;
    for (std::int64_t i = 0; i < count; ++i)
        ptr[i + 1] += ptr[i];
}

/// The edges of one graph while it is symmetrised.
struct Symmetriser {
    std::int32_t const* edge_ptr;
    std::int32_t const* source;
    Loops loops;
    std::int32_t* reverse_ptr;  ///< (N + 1), of nodes and edges of one graph at a time
    std::int32_t* reverse;      ///< (E)

    /// reverse: targets of the edges that leave each node of [begin, end), ascending.
    void turn_round(std::int32_t begin, std::int32_t end) const
    {
        std::int32_t const first_edge = edge_ptr[begin];
        std::fill(reverse_ptr + begin, reverse_ptr + end, 0);
        for (std::int32_t e = first_edge; e < edge_ptr[end]; ++e)
            ++reverse_ptr[source[e]];
        std::int32_t at = first_edge;
        for (std::int32_t i = begin; i < end; ++i) {
            at += reverse_ptr[i];
            reverse_ptr[i] = at;  // the end; filling from behind makes it the beginning
        }
        for (std::int32_t i = end; i-- > begin;)
            for (std::int32_t e = edge_ptr[i]; e < edge_ptr[i + 1]; ++e)
                reverse[--reverse_ptr[source[e]]] = i;
    }
    /// Sources of node i in ascending order, each once, to `out`; returns how many. `reverse_end`
    /// is where the edges that leave i end.
    std::int32_t merge(std::int32_t i, std::int32_t reverse_end, std::int32_t* out) const
    {
        std::int32_t* end = std::copy(source + edge_ptr[i], source + edge_ptr[i + 1], out);
        end = std::copy(reverse + reverse_ptr[i], reverse + reverse_end, end);
        if (loops != Loops::keep) end = std::remove(out, end, i);
        if (loops == Loops::all) *end++ = i;
        std::sort(out, end);
        return static_cast<std::int32_t>(std::unique(out, end) - out);
    }
};
}  // namespace

void csr_from_neighbours(Context& ctx, CsrFromNeighboursArgs const& args)
{
    auto const row_ptr = args.row_ptr.view<std::int32_t const, 1>();
    auto const neighbours = args.neighbours.view<std::int32_t const, 2>();
    auto* const edge_ptr = static_cast<std::int32_t*>(args.edge_ptr.data);
    auto* const source = static_cast<std::int32_t*>(args.source.data);
    std::int64_t const nodes = row_ptr[row_ptr.shape[0] - 1];
    std::int64_t const k = neighbours.shape[1];
    parallel_chunks(ctx, nodes, kRowsPerItem, [&](std::int64_t begin, std::int64_t end, auto) {
        for (std::int64_t i = begin; i < end; ++i) {
            std::int32_t const* const row = neighbours.data + i * k;
            std::int32_t count = 0;
            for (std::int64_t s = 0; s < k; ++s)
                count += row[s] >= 0 ? 1 : 0;
            edge_ptr[i + 1] = count;
        }
    });
    add_up(edge_ptr, nodes);
    parallel_chunks(ctx, nodes, kRowsPerItem, [&](std::int64_t begin, std::int64_t end, auto) {
        for (std::int64_t i = begin; i < end; ++i)
            std::copy_n(neighbours.data + i * k, edge_ptr[i + 1] - edge_ptr[i],
                        source + edge_ptr[i]);
    });
}

void csr_symmetrise(Context& ctx, CsrSymmetriseArgs const& args)
{
    auto const row_ptr = args.row_ptr.view<std::int32_t const, 1>();
    auto const* const edge_ptr = static_cast<std::int32_t const*>(args.edge_ptr.data);
    auto* const out_ptr = static_cast<std::int32_t*>(args.out_edge_ptr.data);
    auto* const out = static_cast<std::int32_t*>(args.out_source.data);
    std::int64_t const graphs = row_ptr.shape[0] - 1;
    std::int64_t const nodes = row_ptr[graphs];
    // Room for the largest batch, so that a larger one than those before asks for no memory.
    std::int64_t const most_nodes = args.edge_ptr.size() - 1, most_edges = args.source.size();
    auto const reverse_ptr = ctx.scratch<std::int32_t>(most_nodes);
    auto const reverse = ctx.scratch<std::int32_t>(most_edges);
    // Node i has room for its edges, those that leave it, and a loop.
    auto const merged = ctx.scratch<std::int32_t>(2 * most_edges + most_nodes);
    auto const place = ctx.scratch<std::int32_t>(most_nodes);
    Symmetriser const work{edge_ptr, static_cast<std::int32_t const*>(args.source.data), args.loops,
                           reverse_ptr.data(), reverse.data()};
    parallel_chunks(ctx, graphs, kGraphsPerItem, [&](std::int64_t first, std::int64_t last, auto) {
        for (std::int64_t b = first; b < last; ++b) {
            std::int32_t const begin = row_ptr[b];
            std::int32_t const end = row_ptr[b + 1];
            work.turn_round(begin, end);
            for (std::int32_t i = begin; i < end; ++i) {
                std::int32_t const reverse_end =
                    i + 1 < end ? work.reverse_ptr[i + 1] : edge_ptr[end];
                place.data()[i] = edge_ptr[i] + work.reverse_ptr[i] + i;
                out_ptr[i + 1] = work.merge(i, reverse_end, merged.data() + place.data()[i]);
            }
        }
    });
    add_up(out_ptr, nodes);
    parallel_chunks(ctx, nodes, kRowsPerItem, [&](std::int64_t begin, std::int64_t end, auto) {
        for (std::int64_t i = begin; i < end; ++i)
            std::copy_n(merged.data() + place.data()[i], out_ptr[i + 1] - out_ptr[i],
                        out + out_ptr[i]);
    });
}
}  // namespace calofuse::cpu
