/// \file bench/kernels/graph/gatv2_bench.cpp
/// One GATv2 layer, 4 heads x 32, k = 8 and the loop, 25 nodes an event.
/// Prediction from gat_bench: forward adds a dot product of every edge, about what the weighted sum
/// costs: twice gat; backward does it again, and a gradient of every edge at both ends: twice gat.
/// Measured on a loaded machine next to gat: forward 11 us an event (gat 5), backward 40 (gat 9): the
/// second pass over the edges goes head by head.
/// Least bytes a node: forward 3 x 128 + 4 floats, backward 7 x 128 + 4.

#include "bench/support/bench.hpp"
#include "bench/support/graphs.hpp"
#include "kernels/graph/gatv2.hpp"

namespace calofuse::bench {
namespace {
constexpr std::int64_t kHeads = 4;
constexpr std::int64_t kChannels = 32;
constexpr std::int64_t kWidth = kHeads * kChannels;

struct Layer {
    Context ctx = bench_context();
    Graphs graphs;
    Buffer<std::int32_t> row_ptr, edge_ptr, source;
    Buffer<std::int64_t> step;
    Buffer<float> h, right, att, bias, saved, y, dy, dh, dright, datt, dbias;
    float rate;

    Layer(std::int64_t events, std::int32_t k, float dropout)
        : graphs(random_graphs(events, k))
        , row_ptr(ctx, std::span<std::int32_t const>(graphs.row_ptr))
        , edge_ptr(ctx, std::span<std::int32_t const>(graphs.edge_ptr))
        , source(ctx, std::span<std::int32_t const>(graphs.source))
        , step(ctx, 2)
        , h(random_buffer(ctx, graphs.nodes() * kWidth, 1))
        , right(random_buffer(ctx, graphs.nodes() * kWidth, 5))
        , att(random_buffer(ctx, kWidth, 2))
        , bias(random_buffer(ctx, kWidth, 3))
        , saved(ctx, graphs.nodes() * kHeads)
        , y(ctx, graphs.nodes() * kWidth)
        , dy(random_buffer(ctx, graphs.nodes() * kWidth, 4))
        , dh(ctx, graphs.nodes() * kWidth)
        , dright(ctx, graphs.nodes() * kWidth)
        , datt(ctx, kWidth)
        , dbias(ctx, kWidth)
        , rate(dropout)
    {}
    TensorRef rows(Buffer<float> const& b) const
    {
        return b.ref({graphs.nodes(), kHeads, kChannels});
    }
    Gatv2Inputs inputs() const
    {
        return {.left = rows(h),
                .right = rows(right),
                .att = att.ref({kHeads, kChannels}),
                .row_ptr = row_ptr.ref(),
                .edge_ptr = edge_ptr.ref(),
                .source = source.ref()};
    }
    Gatv2Options options() const { return {.dropout = {.step = step.ref(), .rate = rate}}; }
    void forward()
    {
        gatv2_forward(ctx, {.in = inputs(),
                            .bias = bias.ref(),
                            .options = options(),
                            .saved = saved.ref({graphs.nodes(), kHeads}),
                            .y = y.ref({graphs.nodes(), kWidth})});
    }
    void backward()
    {
        gatv2_backward(ctx, {.in = inputs(),
                             .options = options(),
                             .saved = saved.ref({graphs.nodes(), kHeads}),
                             .dy = dy.ref({graphs.nodes(), kWidth}),
                             .dleft = rows(dh),
                             .dright = rows(dright),
                             .datt = datt.ref({kHeads, kChannels}),
                             .dbias = dbias.ref()});
    }
};

void gatv2_forward(benchmark::State& state)
{
    Layer layer(state.range(0), 8, state.range(1) != 0 ? 0.2F : 0.0F);
    timed(state, layer.ctx, [&] { layer.forward(); });
    report_events(state, static_cast<double>(layer.graphs.events()));
    report_bytes(state, 4.0 * static_cast<double>(layer.graphs.nodes() * (3 * kWidth + 4)));
}

void gatv2_backward(benchmark::State& state)
{
    Layer layer(state.range(0), 8, state.range(1) != 0 ? 0.2F : 0.0F);
    layer.forward();
    timed(state, layer.ctx, [&] { layer.backward(); });
    report_events(state, static_cast<double>(layer.graphs.events()));
    report_bytes(state, 4.0 * static_cast<double>(layer.graphs.nodes() * (7 * kWidth + 4)));
}
BENCHMARK(gatv2_forward)->Apply(device_time)->ArgsProduct({{32, 1024}, {0, 1}});
BENCHMARK(gatv2_backward)->Apply(device_time)->ArgsProduct({{32, 1024}, {0, 1}});

}  // namespace
}  // namespace calofuse::bench
