/// \file bench/kernels/graph/gatv2_bench.cpp
/// One GATv2 layer, 4 heads x 32, k = 8 and the loop, 25 nodes an event.
/// Prediction from gat_bench: forward adds a dot product of every edge, about what the weighted sum
/// costs: twice gat; backward does it again, and a gradient of every edge at both ends: twice gat.
/// Measured on a loaded machine next to gat: forward 11 us an event (gat 5), backward 40 (gat 9): the
/// second pass over the edges goes head by head.
/// Least bytes a node: forward 3 x 128 + 4 floats, backward 7 x 128 + 4.

#include "bench/support/attention_layer.hpp"
#include "kernels/graph/gatv2.hpp"

namespace calofuse::bench {
namespace {
struct Layer : AttentionLayer {
    Buffer<float> right, dright, saved;

    Layer(std::int64_t events, float dropout)
        : AttentionLayer(events, dropout)
        , right(random_buffer(ctx, graphs.nodes() * kWidth, 5))
        , dright(ctx, graphs.nodes() * kWidth)
        , saved(ctx, graphs.nodes() * kHeads)
    {}
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
    time_attention(state, &Layer::forward, 3 * Layer::kWidth + 4);
}
void gatv2_backward(benchmark::State& state)
{
    time_attention(state, &Layer::backward, 7 * Layer::kWidth + 4);
}
BENCHMARK(gatv2_forward)->Apply(device_time)->ArgsProduct({{32, 1024}, {0, 1}});
BENCHMARK(gatv2_backward)->Apply(device_time)->ArgsProduct({{32, 1024}, {0, 1}});

}  // namespace
}  // namespace calofuse::bench
