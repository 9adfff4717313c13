/// \file bench/kernels/graph/adjacency_bench.cpp
/// GCS gather of the hybrid: V = 9, F = 64, 8-neighbour grid (40 edges).
/// Prediction: least bytes an event forward u, r in, y out = 3 x 9 x 64 x 4 = 6,912; backward dy, y
/// in, du, dr in and out = 6 x 2,304 = 13,824. FLOP forward 2 x 40 x 64 = 5,120 + 1,152: 0.9 FLOP a
/// byte, so memory decides. At about 10 GB/s a core from DRAM: 1.4 M events/s forward; 3-5 times
/// that while 1,024 events (7 MB) stay in the cache.

#include "bench/support/bench.hpp"
#include "kernels/graph/adjacency.hpp"

namespace calofuse::bench {
namespace {
constexpr std::int64_t kNodes = 9;
constexpr std::int64_t kFeatures = 64;

std::vector<float> graph()
{
    return normalised_adjacency(grid_adjacency(3, 3, GridNeighbours::eight));
}

void adjacency_forward(benchmark::State& state)
{
    Context ctx = bench_context();
    std::int64_t const events = state.range(0);
    std::int64_t const size = events * kNodes * kFeatures;
    auto const a = graph();
    Buffer<float> const a_in(ctx, std::span<float const>(a));
    auto const u = random_buffer(ctx, size, 1), r = random_buffer(ctx, size, 2);
    auto const bias = random_buffer(ctx, kFeatures, 3);
    Buffer<float> const y(ctx, size);
    timed(state, ctx, [&] {
        adjacency_forward(ctx, {.a = a_in.ref({kNodes, kNodes}),
                                .u = u.ref({events, kNodes, kFeatures}),
                                .r = r.ref({events, kNodes, kFeatures}),
                                .bias = bias.ref(),
                                .activation = NodeActivation::relu,
                                .y = y.ref({events, kNodes, kFeatures})});
    });
    report_events(state, static_cast<double>(events));
    report_bytes(state, 3 * 4.0 * static_cast<double>(size));
}

void adjacency_backward(benchmark::State& state)
{
    Context ctx = bench_context();
    std::int64_t const events = state.range(0);
    std::int64_t const size = events * kNodes * kFeatures;
    auto const a = graph();
    Buffer<float> const a_in(ctx, std::span<float const>(a));
    auto const y = random_buffer(ctx, size, 1), dy = random_buffer(ctx, size, 2);
    Buffer<float> const du(ctx, size), dr(ctx, size), dbias(ctx, kFeatures);
    timed(state, ctx, [&] {
        adjacency_backward(ctx, {.a = a_in.ref({kNodes, kNodes}),
                                 .y = y.ref({events, kNodes, kFeatures}),
                                 .dy = dy.ref({events, kNodes, kFeatures}),
                                 .activation = NodeActivation::relu,
                                 .du = du.ref({events, kNodes, kFeatures}),
                                 .dr = dr.ref({events, kNodes, kFeatures}),
                                 .dbias = dbias.ref()});
    });
    report_events(state, static_cast<double>(events));
    report_bytes(state, 6 * 4.0 * static_cast<double>(size));
}
BENCHMARK(adjacency_forward)->Apply(device_time)->Arg(1024)->Arg(16384);
BENCHMARK(adjacency_backward)->Apply(device_time)->Arg(1024)->Arg(16384);
}  // namespace
}  // namespace calofuse::bench
