/// \file bench/support/graphs.hpp
/// Graphs for benches, about 25 nodes each, as hits of the `cell` rule give, and what the benches of
/// layers on them share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "bench/support/bench.hpp"

namespace calofuse::bench {
struct Graphs {
    std::vector<std::int32_t> row_ptr = {0}, edge_ptr = {0}, source;

    std::int64_t events() const { return static_cast<std::int64_t>(row_ptr.size()) - 1; }
    std::int64_t nodes() const { return row_ptr.back(); }
    std::int64_t edges() const { return edge_ptr.back(); }
};

/// 10 to 40 nodes an event, k different neighbours each.
inline Graphs random_graphs(std::int64_t events, std::int32_t k)
{
    std::mt19937 rng(1);
    Graphs out;
    std::vector<std::int32_t> others;
    for (std::int64_t b = 0; b < events; ++b) {
        auto const begin = out.row_ptr.back();
        auto const n = static_cast<std::int32_t>(10 + rng() % 31);
        for (std::int32_t i = 0; i < n; ++i) {
            others.clear();
            for (std::int32_t j = 0; j < n; ++j)
                if (j != i) others.push_back(begin + j);
            std::shuffle(others.begin(), others.end(), rng);
            others.resize(static_cast<std::size_t>(std::min(k, n - 1)));
            out.source.insert(out.source.end(), others.begin(), others.end());
            out.edge_ptr.push_back(static_cast<std::int32_t>(out.source.size()));
        }
        out.row_ptr.push_back(begin + n);
    }
    return out;
}

/// row_ptr of events that have `nodes` nodes each.
inline std::vector<std::int32_t> equal_graphs(std::int64_t events, std::int64_t nodes)
{
    std::vector<std::int32_t> row_ptr;
    for (std::int64_t b = 0; b <= events; ++b)
        row_ptr.push_back(static_cast<std::int32_t>(b * nodes));
    return row_ptr;
}

/// One pass of a layer of `range(0)` events with `rows` nodes, on the instruction set `range(1)`.
template <class Layer>
void time_pass(benchmark::State& state, void (Layer::*pass)(), std::int64_t flop_per_node)
{
    auto const isa = static_cast<Isa>(state.range(1));
    if (lacks(state, isa)) return;
    ForcedIsa const forced(isa);
    Layer layer(state.range(0));
    timed(state, layer.ctx, [&] { (layer.*pass)(); });
    report_events(state, static_cast<double>(layer.events));
    report_flop(state, static_cast<double>(layer.rows * flop_per_node));
}
}  // namespace calofuse::bench
