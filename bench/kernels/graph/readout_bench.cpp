/// \file bench/kernels/graph/readout_bench.cpp
/// Mean over the nine modules of the hybrid, written into rows of 65 (the energy follows).
/// Prediction: least bytes an event 9 x 64 x 4 in + 256 out = 2,560; one addition a number: about
/// 4 M events/s at 10 GB/s, more from the cache.

#include "bench/support/bench.hpp"
#include "kernels/graph/readout.hpp"

namespace calofuse::bench {
namespace {
constexpr std::int64_t kNodes = 9;
constexpr std::int64_t kFeatures = 64;
constexpr std::int64_t kWidth = kFeatures + 1;

void readout_forward(benchmark::State& state)
{
    Context ctx = bench_context();
    std::int64_t const events = state.range(0);
    auto const x = random_buffer(ctx, events * kNodes * kFeatures, 1);
    Buffer<float> const y(ctx, events * kWidth);
    timed(state, ctx, [&] {
        readout_forward(ctx, {.x = x.ref({events, kNodes, kFeatures}),
                              .kind = ReadoutKind::mean,
                              .y = y.ref({events, kWidth})});
    });
    report_events(state, static_cast<double>(events));
    report_bytes(state, 4.0 * static_cast<double>(events * (kNodes + 1) * kFeatures));
}

void readout_backward(benchmark::State& state)
{
    Context ctx = bench_context();
    std::int64_t const events = state.range(0);
    auto const dy = random_buffer(ctx, events * kWidth, 1);
    Buffer<float> const dx(ctx, events * kNodes * kFeatures);
    timed(state, ctx, [&] {
        readout_backward(ctx, {.kind = ReadoutKind::mean,
                               .dy = dy.ref({events, kWidth}),
                               .dx = dx.ref({events, kNodes, kFeatures})});
    });
    report_events(state, static_cast<double>(events));
    report_bytes(state, 4.0 * static_cast<double>(events * (2 * kNodes + 1) * kFeatures));
}
BENCHMARK(readout_forward)->Apply(device_time)->Arg(1024)->Arg(16384);
BENCHMARK(readout_backward)->Apply(device_time)->Arg(1024)->Arg(16384);
}  // namespace
}  // namespace calofuse::bench
