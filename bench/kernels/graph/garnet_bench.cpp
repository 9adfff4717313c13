/// \file bench/kernels/graph/garnet_bench.cpp
/// GarNet on events of 25 hits: 4 aggregators, 20 features, 32 outputs, full form.
/// Arithmetic a node: collect 4 x 24 x 3 = 288 FLOP, spread 4 x 32 x 2 = 256; twice that backward.
/// The matrix product between them is dense/linear on one row an event, 192 x 32 = 12 kFLOP an
/// event; written as published it would be one row a hit, 307 kFLOP an event.
/// Prediction at 2.8 GHz, one thread, AVX-512, cycles a node: collect 4 x (3 blocks x 3 + 1) + 4
/// exponentials (8) = 50, i.e. 2.2 M events/s; its backward 4 dot products x 2 (f and w) x 20 + 40
/// + 60 for the maxima = 260, 430 k events/s; spread 2 blocks x (4 x 1.5 + 3) = 18, 6 M events/s;
/// its backward 4 x 20 + 4 x 2 x 1.5 = 92, 1.2 M events/s. Least bytes a node: 112 forward.
/// Measured on a busy machine, 32 events: 1.54 M, 466 k, 2.9 M and 1.23 M events/s; AVX2 0.97 M,
/// 477 k, 2.2 M and 0.83 M.

#include "bench/support/bench.hpp"
#include "bench/support/graphs.hpp"
#include "kernels/graph/garnet.hpp"

namespace calofuse::bench {
namespace {
constexpr std::int64_t kNodes = 25;  // of each event
constexpr std::int64_t kFeatures = 20;
constexpr std::int64_t kAggregators = 4;
constexpr std::int64_t kOutputs = 32;
constexpr std::int64_t kCollected = kFeatures + kAggregators;

struct Layer {
    Context ctx = bench_context();
    std::int64_t events, rows;
    Buffer<std::int32_t> row_ptr, winner;
    Buffer<float> f, d, w, agg, df, dd, dw, z, dz, y;

    explicit Layer(std::int64_t num_events)
        : events(num_events)
        , rows(num_events * kNodes)
        , row_ptr(ctx, std::span<std::int32_t const>(equal_graphs(events, kNodes)))
        , winner(ctx, events * kAggregators * kCollected)
        , f(random_buffer(ctx, rows * kFeatures, 1))
        , d(random_buffer(ctx, rows * kAggregators, 2))
        , w(random_buffer(ctx, rows * kAggregators, 3))
        , agg(random_buffer(ctx, events * kAggregators * 2 * kCollected, 4))
        , df(random_buffer(ctx, rows * kFeatures, 5))
        , dd(random_buffer(ctx, rows * kAggregators, 6))
        , dw(random_buffer(ctx, rows * kAggregators, 7))
        , z(random_buffer(ctx, events * kAggregators * kOutputs, 8))
        , dz(random_buffer(ctx, events * kAggregators * kOutputs, 9))
        , y(random_buffer(ctx, rows * kOutputs, 10))
    {
        collect();
    }
    TensorRef of_nodes(Buffer<float> const& t) const { return t.ref({rows, kAggregators}); }
    TensorRef sums() const { return agg.ref({events, kAggregators, 2 * kCollected}); }
    TensorRef outputs(Buffer<float> const& t) const
    {
        return t.ref({events, kAggregators, kOutputs});
    }
    void collect()
    {
        garnet_collect(ctx, {.f = f.ref({rows, kFeatures}),
                             .d = of_nodes(d),
                             .row_ptr = row_ptr.ref({events + 1}),
                             .w = of_nodes(w),
                             .agg = sums(),
                             .winner = winner.ref({events, kAggregators, kCollected})});
    }
    void collect_backward()
    {
        garnet_collect_backward(ctx, {.f = f.ref({rows, kFeatures}),
                                      .d = of_nodes(d),
                                      .row_ptr = row_ptr.ref({events + 1}),
                                      .w = of_nodes(w),
                                      .winner = winner.ref({events, kAggregators, kCollected}),
                                      .dagg = sums(),
                                      .dw = of_nodes(dw),
                                      .df = df.ref({rows, kFeatures}),
                                      .dd = of_nodes(dd)});
    }
    void spread()
    {
        garnet_spread(ctx, {.w = of_nodes(w),
                            .z = outputs(z),
                            .row_ptr = row_ptr.ref({events + 1}),
                            .y = y.ref({rows, kOutputs})});
    }
    void spread_backward()
    {
        garnet_spread_backward(ctx, {.w = of_nodes(w),
                                     .z = outputs(z),
                                     .row_ptr = row_ptr.ref({events + 1}),
                                     .dy = y.ref({rows, kOutputs}),
                                     .dw = of_nodes(dw),
                                     .dz = outputs(dz)});
    }
};

void garnet_collect(benchmark::State& state)
{
    time_pass(state, &Layer::collect, 3 * kAggregators * kCollected);
}
void garnet_collect_backward(benchmark::State& state)
{
    time_pass(state, &Layer::collect_backward, 4 * kAggregators * kCollected);
}
void garnet_spread(benchmark::State& state)
{
    time_pass(state, &Layer::spread, 2 * kAggregators * kOutputs);
}
void garnet_spread_backward(benchmark::State& state)
{
    time_pass(state, &Layer::spread_backward, 4 * kAggregators * kOutputs);
}
BENCHMARK(garnet_collect)->Apply(by_events_and_isa);
BENCHMARK(garnet_collect_backward)->Apply(by_events_and_isa);
BENCHMARK(garnet_spread)->Apply(by_events_and_isa);
BENCHMARK(garnet_spread_backward)->Apply(by_events_and_isa);
}  // namespace
}  // namespace calofuse::bench
