/// Prediction: take reads an element of data and writes 4 bytes, take_ragged the same; neither computes
/// more than two operations for that, so both run at the rate of a copy of as many bytes. The rows of a
/// batch are random: below some 256 bytes per row (labels, hits of small events) each costs a miss. On a
/// CPU, narrow rows with a mean per column do not fill vectors: about 1.4 ns per element.
#include <numeric>

#include "bench/support/bench.hpp"
#include "kernels/data/take.hpp"
#include "kernels/data/take_ragged.hpp"

namespace calofuse::bench {
namespace {
constexpr std::int64_t kBatch = 1024;

/// Rows of a batch, anywhere in the data set.
Buffer<std::int32_t> random_rows(Context& ctx, std::int64_t events)
{
    std::mt19937 rng(3);
    std::uniform_int_distribution<std::int32_t> draw(0, static_cast<std::int32_t>(events - 1));
    std::vector<std::int32_t> rows(kBatch);
    for (std::int32_t& r : rows)
        r = draw(rng);
    return {ctx, std::span<std::int32_t const>(rows)};
}

/// Elements of a row, and whether they are scaled.
template <class T>
void fixed(benchmark::State& state)
{
    Context ctx = bench_context();
    std::int64_t const width = state.range(0), events = (1 << 24) / width;
    bool const scaled = state.range(1) != 0;
    std::vector<T> host(static_cast<std::size_t>(events * width));
    std::iota(host.begin(), host.end(), T{0});
    Buffer<T> const data(ctx, std::span<T const>(host));
    auto const row = random_rows(ctx, events);
    auto const mean = random_buffer(ctx, width, 1), scale = random_buffer(ctx, width, 2);
    Buffer<float> const y(ctx, kBatch * width);
    TakeArgs args{.row = row.ref(), .data = data.ref({events, width}), .y = y.ref({kBatch, width})};
    if (scaled) args.mean = mean.ref(), args.scale_inverse = scale.ref();
    timed(state, ctx, [&] { take(ctx, args); });
    report_bytes(state, static_cast<double>(kBatch * width) * (sizeof(T) + 4.0));
}

/// Clouds of 1 to 2 * range(0) particles with 7 numbers each.
void ragged(benchmark::State& state)
{
    constexpr std::int64_t kWidth = 7, kEvents = 20'000;
    Context ctx = bench_context();
    std::mt19937 rng(5);
    std::uniform_int_distribution<std::int32_t> draw(1,
                                                     static_cast<std::int32_t>(2 * state.range(0)));
    std::vector<std::int32_t> counts(kEvents);
    std::vector<std::int64_t> firsts;
    std::int64_t rows = 0;
    for (std::int32_t& n : counts) {
        n = draw(rng);
        firsts.push_back(rows);
        rows += n;
    }
    Buffer<std::int32_t> const count(ctx, std::span<std::int32_t const>(counts)),
        ptr(ctx, kBatch + 1);
    Buffer<std::int64_t> const first(ctx, std::span<std::int64_t const>(firsts));
    auto const data = random_buffer(ctx, rows * kWidth, 1);
    auto const row = random_rows(ctx, kEvents);
    auto const mean = random_buffer(ctx, kWidth, 1), scale = random_buffer(ctx, kWidth, 2);
    std::int64_t const capacity = kBatch * 2 * state.range(0);
    Buffer<float> const y(ctx, capacity * kWidth);
    timed(state, ctx, [&] {
        take_row_ptr(ctx, {.row = row.ref(), .count = count.ref(), .row_ptr = ptr.ref()});
        take_ragged(ctx, {.row = row.ref(),
                          .first = first.ref(),
                          .row_ptr = ptr.ref(),
                          .data = data.ref({rows, kWidth}),
                          .mean = mean.ref(),
                          .scale_inverse = scale.ref(),
                          .y = y.ref({capacity, kWidth})});
    });
    report_bytes(state, 8.0 * kWidth * ptr.download().back());
}

BENCHMARK(copy_reference)->Apply(device_time)->Arg(kBatch * 256)->Arg(1 << 24);
BENCHMARK_TEMPLATE(fixed, std::uint8_t)->Apply(device_time)->Args({1, 0});
BENCHMARK_TEMPLATE(fixed, std::uint16_t)->Apply(device_time)->Args({256, 0})->Args({256, 1});
BENCHMARK_TEMPLATE(fixed, float)->Apply(device_time)->Args({19, 1})->Args({16'384, 0});
BENCHMARK(ragged)->Apply(device_time)->Arg(16)->Arg(128);
}  // namespace
}  // namespace calofuse::bench
