/// Prediction: 8 bytes an element, but ten Philox rounds (two 32 x 32 -> 64 bit products and four
/// exclusive ors each) make four words: in vectors of 8 counters about 10 x 10 operations for 32
/// elements, some 2 cycles an element: 10 GB/s at 2.8 GHz. Rate 0 is a copy.
#include "bench/support/bench.hpp"
#include "kernels/dense/dropout.hpp"

namespace calofuse::bench {
namespace {
void dropout(benchmark::State& state, float rate)
{
    Context ctx = bench_context();
    auto const x = random_buffer(ctx, state.range(0), 1);
    Buffer<float> const y(ctx, state.range(0));
    Buffer<std::int64_t> const step(ctx, 2);
    timed(state, ctx, [&] {
        dropout_forward(ctx, {.x = x.ref(),
                              .step = step.ref(),
                              .seed = 7,
                              .stream = 16,
                              .rate = rate,
                              .y = y.ref()});
    });
    report_bytes(state, 8.0 * static_cast<double>(state.range(0)));
}

constexpr std::int64_t kBatch = 1024 * 9 * 64;
BENCHMARK(copy_reference)->Apply(device_time)->Arg(kBatch);
BENCHMARK_CAPTURE(dropout, none, 0.0F)->Apply(device_time)->Arg(kBatch);
BENCHMARK_CAPTURE(dropout, quarter, 0.25F)->Apply(device_time)->Arg(kBatch);
}  // namespace
}  // namespace calofuse::bench
