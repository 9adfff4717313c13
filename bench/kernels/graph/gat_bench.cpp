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

#include "bench/support/attention_layer.hpp"
#include "kernels/graph/gat.hpp"

namespace calofuse::bench {
namespace {
struct Layer : AttentionLayer {
    Buffer<float> saved;

    Layer(std::int64_t events, float dropout)
        : AttentionLayer(events, dropout), saved(ctx, graphs.nodes() * 3 * kHeads)
    {}
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
    time_attention(state, &Layer::forward, 2 * Layer::kWidth + 12);
}
void gat_backward(benchmark::State& state)
{
    time_attention(state, &Layer::backward, 4 * Layer::kWidth + 12);
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
        (nodes * (4.0 * Layer::kWidth + 3.0 * Layer::kHeads + 1) + edges) * sizeof(float) / events;
    state.counters["edge_tensor_bytes/event"] =
        (edges + nodes) * Layer::kWidth * sizeof(float) / events;
}
BENCHMARK(step_bytes)->Arg(2)->Arg(8)->Arg(32);
}  // namespace
}  // namespace calofuse::bench
