/// \file bench/kernels/metric/auc_bench.cpp
/// Exact AUC of random scores. Prediction: three passes that read and scatter 8 bytes an event and a
/// gather in score order, about 30-60 ns an event once the arrays leave the cache: 20-30 M events/s
/// for 10^5, 15 M for 2 x 10^6 (a validation set of the whole test beam, 0.1 s).

#include "bench/support/bench.hpp"
#include "kernels/metric/auc.hpp"
#include "runtime/random.hpp"

namespace calofuse::bench {
namespace {
void auc(benchmark::State& state)
{
    Context ctx = bench_context();
    std::int64_t const events = state.range(0);
    auto const score = random_buffer(ctx, events, 1);
    std::vector<std::uint8_t> labels(static_cast<std::size_t>(events));
    for (std::size_t i = 0; i < labels.size(); ++i)
        labels[i] = static_cast<std::uint8_t>(random_words(2, 0, 0, i).w[0] & 1U);
    Buffer<std::uint8_t> const label(ctx, std::span<std::uint8_t const>(labels));
    Buffer<double> const area(ctx, 1);
    timed(state, ctx,
          [&] { auc(ctx, {.score = score.ref(), .label = label.ref(), .auc = area.ref()}); });
    report_events(state, static_cast<double>(events));
}
BENCHMARK(auc)->Apply(device_time)->Arg(100'000)->Arg(2'000'000)->Unit(benchmark::kMillisecond);
}  // namespace
}  // namespace calofuse::bench
