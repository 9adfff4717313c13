/// \file tests/support/random_graph.hpp
/// Random ragged batches of graphs in the form that graph operators read, with spare capacity.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace calofuse::test {
struct RandomGraph {
    std::vector<std::int32_t> row_ptr, edge_ptr, source;

    std::int32_t nodes() const { return row_ptr.back(); }
    std::int32_t edges() const { return edge_ptr.back(); }
};

/// 0 .. `most` - 1 edges into each node, with loops and repeats; some nodes have none.
inline RandomGraph random_graph(std::vector<std::int32_t> row_ptr,
                                std::uint32_t seed,
                                std::uint32_t most = 6)
{
    std::mt19937 rng(seed);
    RandomGraph out{std::move(row_ptr), {0}, {}};
    for (std::size_t b = 0; b + 1 < out.row_ptr.size(); ++b) {
        std::int32_t const begin = out.row_ptr[b];
        auto const count = static_cast<std::uint32_t>(out.row_ptr[b + 1] - begin);
        for (std::uint32_t i = 0; i < count; ++i) {
            for (auto e = rng() % most; e-- > 0;)
                out.source.push_back(begin + static_cast<std::int32_t>(rng() % count));
            out.edge_ptr.push_back(static_cast<std::int32_t>(out.source.size()));
        }
    }
    return out;
}

/// Graph b alone.
inline RandomGraph one_of(RandomGraph const& all, std::size_t b)
{
    std::int32_t const begin = all.row_ptr[b];
    std::int32_t const end = all.row_ptr[b + 1];
    RandomGraph out{{0, end - begin}, {}, {}};
    std::int32_t const first = all.edge_ptr[static_cast<std::size_t>(begin)];
    for (std::int32_t i = begin; i <= end; ++i)
        out.edge_ptr.push_back(all.edge_ptr[static_cast<std::size_t>(i)] - first);
    for (std::int32_t e = first; e < first + out.edges(); ++e)
        out.source.push_back(all.source[static_cast<std::size_t>(e)] - begin);
    return out;
}

/// One graph with its nodes numbered from behind; the edges of a node keep their order.
inline RandomGraph reversed_nodes(RandomGraph const& graph)
{
    std::int32_t const last = graph.nodes() - 1;
    RandomGraph out{graph.row_ptr, {0}, {}};
    for (std::int32_t i = last; i >= 0; --i) {
        auto const at = static_cast<std::size_t>(i);
        for (std::int32_t e = graph.edge_ptr[at]; e < graph.edge_ptr[at + 1]; ++e)
            out.source.push_back(last - graph.source[static_cast<std::size_t>(e)]);
        out.edge_ptr.push_back(static_cast<std::int32_t>(out.source.size()));
    }
    return out;
}

inline std::vector<float> reversed_rows(std::vector<float> const& values, std::int64_t columns)
{
    std::vector<float> out;
    for (auto end = values.end(); end != values.begin(); end -= columns)
        out.insert(out.end(), end - columns, end);
    return out;
}
}  // namespace calofuse::test
