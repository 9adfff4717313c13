/// \file bench/kernels/focalh/unpack_bench.cpp
/// Counted: 512 B of ADC words in and 1,000 B out an event; 256 asinh at about 35 operations each,
/// 8 lanes wide: predicted 0.4 us an event with asinh, 0.1 us raw.
#include <random>

#include "bench/support/bench.hpp"
#include "kernels/focalh/unpack.hpp"
#include "runtime/focalh/channel_map.hpp"

namespace calofuse::bench {
namespace {
void unpack(benchmark::State& state, InputScale scale)
{
    constexpr std::int64_t kEvents = 20000;
    constexpr std::int64_t kBatch = 1024;
    std::mt19937 rng(1);
    std::vector<std::uint16_t> adc(kEvents * kNumChannels);
    for (auto& v : adc)
        v = static_cast<std::uint16_t>(rng() % 8 == 0 ? rng() % 8192 : 30 + rng() % 40);
    std::vector<std::int32_t> rows(kBatch);
    for (auto& r : rows)
        r = static_cast<std::int32_t>(rng() % kEvents);
    auto const cells = ChannelMap::focalh_prototype2().channels();
    Context ctx = bench_context();
    Buffer<std::uint16_t> const d_adc(ctx, adc);
    Buffer<std::int32_t> const d_rows(ctx, rows);
    Buffer<std::int32_t> const channels(ctx, cells);
    Buffer<float> const pedestal(ctx, std::vector<float>(kNumChannels, 40.5F));
    Buffer<float> const x(ctx, kBatch * kNumCells);
    Buffer<float> const total(ctx, kBatch);
    timed(state, ctx, [&] {
        calofuse::unpack(ctx, {.adc = d_adc.ref({kEvents, kNumChannels}),
                               .rows = d_rows.ref(),
                               .channels = channels.ref(),
                               .pedestal = pedestal.ref(),
                               .scale = scale,
                               .x = x.ref({kBatch, kNumCells}),
                               .total = total.ref()});
    });
    report_events(state, kBatch);
    report_bytes(state, kBatch * (512.0 + 4 * kNumCells + 8));
}
}  // namespace

BENCHMARK_CAPTURE(unpack, asinh, InputScale::asinh)->Apply(device_time);
BENCHMARK_CAPTURE(unpack, log1p, InputScale::log1p)->Apply(device_time);
BENCHMARK_CAPTURE(unpack, raw, InputScale::raw)->Apply(device_time);
}  // namespace calofuse::bench
