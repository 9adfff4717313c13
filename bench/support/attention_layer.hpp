/// \file bench/support/attention_layer.hpp
/// What the benches of gat and gatv2 share: a layer of 4 heads x 32 on random graphs, k = 8.
#pragma once

#include "bench/support/graphs.hpp"

namespace calofuse::bench {
struct AttentionLayer {
    static constexpr std::int64_t kHeads = 4;
    static constexpr std::int64_t kChannels = 32;
    static constexpr std::int64_t kWidth = kHeads * kChannels;

    Context ctx = bench_context();
    Graphs graphs;
    Buffer<std::int32_t> row_ptr, edge_ptr, source;
    Buffer<std::int64_t> step;
    Buffer<float> h, att, bias, y, dy, dh, datt, dbias;
    float rate;

    AttentionLayer(std::int64_t events, float dropout)
        : graphs(random_graphs(events, 8))
        , row_ptr(ctx, std::span<std::int32_t const>(graphs.row_ptr))
        , edge_ptr(ctx, std::span<std::int32_t const>(graphs.edge_ptr))
        , source(ctx, std::span<std::int32_t const>(graphs.source))
        , step(ctx, 2)
        , h(random_buffer(ctx, graphs.nodes() * kWidth, 1))
        , att(random_buffer(ctx, kWidth, 2))
        , bias(random_buffer(ctx, kWidth, 3))
        , y(ctx, graphs.nodes() * kWidth)
        , dy(random_buffer(ctx, graphs.nodes() * kWidth, 4))
        , dh(ctx, graphs.nodes() * kWidth)
        , datt(ctx, kWidth)
        , dbias(ctx, kWidth)
        , rate(dropout)
    {}
    TensorRef rows(Buffer<float> const& b) const
    {
        return b.ref({graphs.nodes(), kHeads, kChannels});
    }
};

/// forward() or backward() of a layer of `range(0)` events, with dropout if `range(1)` says so.
template <class Layer>
void time_attention(benchmark::State& state, void (Layer::*pass)(), std::int64_t floats_per_node)
{
    Layer layer(state.range(0), state.range(1) != 0 ? 0.2F : 0.0F);
    layer.forward();
    timed(state, layer.ctx, [&] { (layer.*pass)(); });
    report_events(state, static_cast<double>(layer.graphs.events()));
    report_bytes(state, 4.0 * static_cast<double>(layer.graphs.nodes() * floats_per_node));
}
}  // namespace calofuse::bench
