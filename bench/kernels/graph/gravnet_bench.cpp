/// \file bench/kernels/graph/gravnet_bench.cpp
/// GravNet on events of 25 hits, 4 coordinates, 32 features, 8 neighbours and the node itself.
/// Least bytes a node: 16 + 128 + 32 read and 256 + 128 written forward, 14 MB for a batch
/// of 1,024 events. Arithmetic a node, forward: 9 x 32 x 3 = 864 FLOP of aggregation and
/// 8 x (12 + 20) = 256 of weights.
/// Prediction at 2.8 GHz, one thread, AVX-512: forward 9 x 2 vectors x 2.5 cycles + 100 cycles of
/// weights = 150 cycles a node, 750 k events/s; backward 9 x (2 x 6 + 13) + 180 = 400 cycles a
/// node, 280 k events/s. AVX2: about 0.75 of both.
/// Measured on a busy machine, 32 events (caches) and 1,024: forward 418 k and 275 k events/s,
/// backward 270 k and 202 k; AVX2 332 k, 162 k, 250 k, 208 k. Making the lists and weights costs
/// half of the forward pass, not the 100 cycles that were counted.

#include "bench/support/bench.hpp"
#include "bench/support/graphs.hpp"
#include "kernels/graph/gravnet.hpp"

namespace calofuse::bench {
namespace {
constexpr std::int64_t kNodes = 25;  // of each event
constexpr std::int64_t kDimensions = 4;
constexpr std::int64_t kFeatures = 32;
constexpr std::int64_t kNeighbours = 8;

/// Different others of the same event, in no order.
std::vector<std::int32_t> random_neighbours(std::int64_t events)
{
    std::mt19937 rng(3);
    std::vector<std::int32_t> list;
    for (std::int64_t i = 0; i < events * kNodes; ++i) {
        std::int64_t const first = i / kNodes * kNodes;
        auto const shift = static_cast<std::int64_t>(rng() % (kNodes - 1));
        for (std::int64_t k = 0; k < kNeighbours; ++k) {
            std::int64_t const step = 1 + (shift + k) % (kNodes - 1);
            list.push_back(static_cast<std::int32_t>(first + (i - first + step) % kNodes));
        }
    }
    return list;
}

struct Layer {
    Context ctx = bench_context();
    std::int64_t events, rows;
    Buffer<std::int32_t> row_ptr, neighbour;
    Buffer<float> s, h, y, ds, dh;
    Buffer<std::int32_t> winner;

    explicit Layer(std::int64_t num_events)
        : events(num_events)
        , rows(num_events * kNodes)
        , row_ptr(ctx, std::span<std::int32_t const>(equal_graphs(events, kNodes)))
        , neighbour(ctx, std::span<std::int32_t const>(random_neighbours(events)))
        , s(random_buffer(ctx, rows * kDimensions, 1, -0.5F, 0.5F))
        , h(random_buffer(ctx, rows * kFeatures, 2))
        , y(random_buffer(ctx, rows * 2 * kFeatures, 4))
        , ds(random_buffer(ctx, rows * kDimensions, 5))
        , dh(random_buffer(ctx, rows * kFeatures, 6))
        , winner(ctx, rows * kFeatures)
    {
        forward();
    }
    void forward()
    {
        gravnet_forward(ctx, {.s = s.ref({rows, kDimensions}),
                              .h = h.ref({rows, kFeatures}),
                              .row_ptr = row_ptr.ref({events + 1}),
                              .neighbour = neighbour.ref({rows, kNeighbours}),
                              .y = y.ref({rows, 2 * kFeatures}),
                              .winner = winner.ref({rows, kFeatures})});
    }
    void backward()
    {
        gravnet_backward(ctx, {.s = s.ref({rows, kDimensions}),
                               .h = h.ref({rows, kFeatures}),
                               .row_ptr = row_ptr.ref({events + 1}),
                               .neighbour = neighbour.ref({rows, kNeighbours}),
                               .winner = winner.ref({rows, kFeatures}),
                               .dy = y.ref({rows, 2 * kFeatures}),
                               .ds = ds.ref({rows, kDimensions}),
                               .dh = dh.ref({rows, kFeatures})});
    }
};

void gravnet_forward(benchmark::State& state)
{
    time_pass(state, &Layer::forward, 3 * (kNeighbours + 1) * kFeatures);
}
void gravnet_backward(benchmark::State& state)
{
    time_pass(state, &Layer::backward, 6 * (kNeighbours + 1) * kFeatures);
}
BENCHMARK(gravnet_forward)->Apply(by_events_and_isa);
BENCHMARK(gravnet_backward)->Apply(by_events_and_isa);
}  // namespace
}  // namespace calofuse::bench
