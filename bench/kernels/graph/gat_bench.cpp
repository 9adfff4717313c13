/// \file bench/kernels/graph/gat_bench.cpp
/// One attention layer of the GAT classifier, 4 heads x 32, k = 8 and the loop, 25 nodes an event;
/// 32 events are a pass of a training step, 1024 a batch.
/// Prediction, one core with AVX-512 at 2.8 GHz, cycles a node: forward 9 slots x 8 vectors of
/// gathered rows 72 loads and FMA, scores 16 FMA, exponentials 36, random words 36: about 150, or
/// 1.3 us an event; backward twice the rows, with a store each, 36 sums of lanes: about 350, or 3.1
/// us. Least bytes a node: forward 128 + 128 + 12 floats, backward 4 x 128 + 12.
/// Measured on a loaded machine (2.0 GHz by processor time), 32 events: forward 3.5 us an event,
/// backward 6.8; with dropout 4.1 and 7.3. On 1,024 events both wait for memory.
/// `step_bytes` counts what a layer keeps for the backward pass and its gradients, by k: the rows of
/// nodes dominate, and an edge adds the 4 bytes of its source.

#include "bench/support/bench.hpp"
#include "bench/support/graphs.hpp"
#include "kernels/graph/gat.hpp"

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
    Buffer<float> h, att, bias, saved, y, dy, dh, datt, dbias;
    float rate;

    Layer(std::int64_t events, std::int32_t k, float dropout)
        : graphs(random_graphs(events, k))
        , row_ptr(ctx, std::span<std::int32_t const>(graphs.row_ptr))
        , edge_ptr(ctx, std::span<std::int32_t const>(graphs.edge_ptr))
        , source(ctx, std::span<std::int32_t const>(graphs.source))
        , step(ctx, 2)
        , h(random_buffer(ctx, graphs.nodes() * kWidth, 1))
        , att(random_buffer(ctx, kWidth, 2))
        , bias(random_buffer(ctx, kWidth, 3))
        , saved(ctx, graphs.nodes() * 3 * kHeads)
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
    GatInputs inputs() const
    {
        TensorRef const a = att.ref({kHeads, kChannels});
        return {.h = rows(h),
                .att_source = a,
                .att_target = a,
                .row_ptr = row_ptr.ref(),
                .edge_ptr = edge_ptr.ref(),
                .source = source.ref()};
    }
    GatOptions options() const { return {.dropout = {.step = step.ref(), .rate = rate}}; }
    void forward()
    {
        gat_forward(ctx, {.in = inputs(),
                          .bias = bias.ref(),
                          .options = options(),
                          .saved = saved.ref({graphs.nodes(), 3, kHeads}),
                          .y = y.ref({graphs.nodes(), kWidth})});
    }
    void backward()
    {
        TensorRef const d = datt.ref({kHeads, kChannels});
        gat_backward(ctx, {.in = inputs(),
                           .options = options(),
                           .saved = saved.ref({graphs.nodes(), 3, kHeads}),
                           .dy = dy.ref({graphs.nodes(), kWidth}),
                           .dh = rows(dh),
                           .datt_source = d,
                           .datt_target = d,
                           .dbias = dbias.ref()});
    }
};

void gat_forward(benchmark::State& state)
{
    Layer layer(state.range(0), 8, state.range(1) != 0 ? 0.2F : 0.0F);
    timed(state, layer.ctx, [&] { layer.forward(); });
    report_events(state, static_cast<double>(layer.graphs.events()));
    report_bytes(state, 4.0 * static_cast<double>(layer.graphs.nodes() * (2 * kWidth + 12)));
}

void gat_backward(benchmark::State& state)
{
    Layer layer(state.range(0), 8, state.range(1) != 0 ? 0.2F : 0.0F);
    layer.forward();
    timed(state, layer.ctx, [&] { layer.backward(); });
    report_events(state, static_cast<double>(layer.graphs.events()));
    report_bytes(state, 4.0 * static_cast<double>(layer.graphs.nodes() * (4 * kWidth + 12)));
}
BENCHMARK(gat_forward)->Apply(device_time)->ArgsProduct({{32, 1024}, {0, 1}});
BENCHMARK(gat_backward)->Apply(device_time)->ArgsProduct({{32, 1024}, {0, 1}});

/// h, y, their gradients, `saved` and the graph, in bytes an event; what a tensor of (edges x
/// channels) would take, for comparison.
void step_bytes(benchmark::State& state)
{
    if (only_cpu(state)) return;
    Graphs const graphs = random_graphs(256, static_cast<std::int32_t>(state.range(0)));
    auto const events = static_cast<double>(graphs.events());
    auto const nodes = static_cast<double>(graphs.nodes());
    auto const edges = static_cast<double>(graphs.edges());
    for (auto _ : state)
        benchmark::DoNotOptimize(graphs.row_ptr.data());
    state.counters["edges/event"] = edges / events;
    state.counters["bytes/event"] =
        (nodes * (4.0 * kWidth + 3.0 * kHeads + 1) + edges) * sizeof(float) / events;
    state.counters["edge_tensor_bytes/event"] = (edges + nodes) * kWidth * sizeof(float) / events;
}
BENCHMARK(step_bytes)->Arg(2)->Arg(8)->Arg(32);
}  // namespace
}  // namespace calofuse::bench
