/// \file bench/kernels/graph/knn_bench.cpp
/// kNN on ragged small events (25 hits, k = 8, x y) and on one event of 50,000 hits (x y z).
/// CALOFUSE_HITS = file of raw (N, 3) f32 positions replaces the made-up large event;
/// bench/compare/knn_sklearn.py does that and compares.
/// Prediction, small: 25 x 25 pairs = 2 x 25 candidates of 16 lanes, each about 8 operations and an
/// insertion of 8 x 5: 2,400 operations, about 1 M events/s; least bytes 25 x (8 + 32) = 1,000 an
/// event, so 1 GB/s: bound by operations, not memory.
/// Prediction, large: a leaf of 16 queries looks at 200 .. 400 candidates: 3,125 x 400 x 10
/// operations and about 150 insertions of 30 operations each (k = 8): 25 M cycles, 10 ms, and 5 ms
/// for the tree. All pairs: 50,000^2 / 16 x 8 operations = 1.2 G cycles, 0.5 s.
/// Measured (2.8 GHz Xeon with AVX-512, shared): small 1.0 .. 1.2 M events/s; large 40 .. 48 ms
/// with k = 8 and 128 ms with k = 40, three times the prediction; all pairs 1.1 .. 2.1 s.
/// The tree begins to win between 512 and 1,024 points.
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "bench/support/bench.hpp"
#include "kernels/graph/knn.hpp"

namespace calofuse::bench {
namespace {
void knn_small(benchmark::State& state)
{
    Context ctx = bench_context();
    std::int64_t const events = 1024, hits = state.range(0), k = state.range(1);
    auto const x = random_buffer(ctx, events * hits * 2, 1);
    std::vector<std::int32_t> row_ptr;
    for (std::int64_t b = 0; b <= events; ++b)  // 25 on average, never the same twice in a row
        row_ptr.push_back(static_cast<std::int32_t>(b * hits + (b % 2 == 0 ? 0 : hits / 5)));
    row_ptr.back() = static_cast<std::int32_t>(events * hits);
    Buffer<std::int32_t> const rows(ctx, std::span<std::int32_t const>(row_ptr));
    Buffer<std::int32_t> const neighbours(ctx, events * hits * k);
    timed(state, ctx, [&] {
        knn(ctx, {.x = x.ref({events * hits, 2}),
                  .row_ptr = rows.ref(),
                  .neighbours = neighbours.ref({events * hits, k})});
    });
    report_events(state, static_cast<double>(events));
    report_bytes(state, 4.0 * static_cast<double>(events * hits * (2 + k)));
}

/// Layers of a calorimeter with dense showers on a thin background.
std::vector<float> made_up_hits(std::int64_t count)
{
    auto const u = random_floats(4 * count, 3);
    std::vector<float> hits;
    for (std::int64_t i = 0; i < count; ++i) {
        float const* const v = &u[static_cast<std::size_t>(4 * i)];
        float const width = i % 4 == 0 ? 100.0F : 2.0F;
        float const centre = static_cast<float>(i % 31) * 6.0F - 90.0F;
        hits.push_back(centre + width * v[0] * v[1]);
        hits.push_back(-centre + width * v[1] * v[2]);
        hits.push_back(320.0F + std::floor(25.0F * (v[3] + 1.0F)));
    }
    return hits;
}

std::vector<float> large_event()
{
    char const* const path = std::getenv("CALOFUSE_HITS");
    if (path == nullptr) return made_up_hits(50000);
    std::ifstream in(path, std::ios::binary);
    std::vector<char> const bytes((std::istreambuf_iterator<char>(in)), {});
    std::vector<float> hits(bytes.size() / sizeof(float));
    std::memcpy(hits.data(), bytes.data(), hits.size() * sizeof(float));
    return hits;
}

void large(benchmark::State& state, bool tree)
{
    Context ctx = bench_context();
    auto const hits = large_event();
    auto const points = static_cast<std::int64_t>(hits.size()) / 3;
    std::int64_t const k = state.range(0);
    Buffer<float> const x(ctx, std::span<float const>(hits));
    std::vector<std::int32_t> const row_ptr{0, static_cast<std::int32_t>(points)};
    Buffer<std::int32_t> const rows(ctx, std::span<std::int32_t const>(row_ptr));
    Buffer<std::int32_t> const neighbours(ctx, points * k);
    Buffer<float> const distance(ctx, points * k);
    KnnArgs const args{.x = x.ref({points, 3}),
                       .row_ptr = rows.ref(),
                       .neighbours = neighbours.ref({points, k}),
                       .squared_distance = distance.ref({points, k})};
    timed(state, ctx, [&] {
        if (on_cuda()) return knn(ctx, args);
        cpu::knn_by(ctx, args, tree ? cpu::KnnMethod::tree : cpu::KnnMethod::all_pairs);
    });
    state.counters["points/s"] = benchmark::Counter(static_cast<double>(points),
                                                    benchmark::Counter::kIsIterationInvariantRate);
}
void knn_large(benchmark::State& state)
{
    large(state, true);
}
void knn_large_all_pairs(benchmark::State& state)
{
    if (only_cpu(state)) return;
    large(state, false);
}

/// Where the tree begins to win: 64 events of equal size.
void knn_crossover(benchmark::State& state)
{
    if (only_cpu(state)) return;
    Context ctx = bench_context();
    std::int64_t const events = 64, hits = state.range(0), k = 8;
    bool const tree = state.range(1) != 0;
    auto const x = random_buffer(ctx, events * hits * 3, 1);
    std::vector<std::int32_t> row_ptr;
    for (std::int64_t b = 0; b <= events; ++b)
        row_ptr.push_back(static_cast<std::int32_t>(b * hits));
    Buffer<std::int32_t> const rows(ctx, std::span<std::int32_t const>(row_ptr));
    Buffer<std::int32_t> const neighbours(ctx, events * hits * k);
    timed(state, ctx, [&] {
        cpu::knn_by(ctx,
                    {.x = x.ref({events * hits, 3}),
                     .row_ptr = rows.ref(),
                     .neighbours = neighbours.ref({events * hits, k})},
                    tree ? cpu::KnnMethod::tree : cpu::KnnMethod::all_pairs);
    });
    report_events(state, static_cast<double>(events));
}
BENCHMARK(knn_small)
    ->Apply(device_time)
    ->Args({25, 8})
    ->Args({25, 16})
    ->Args({88, 8})
    ->Args({249, 8});
BENCHMARK(knn_large)->Apply(device_time)->Arg(8)->Arg(16)->Arg(40)->Unit(benchmark::kMillisecond);
BENCHMARK(knn_large_all_pairs)->Arg(8)->Arg(40)->Unit(benchmark::kMillisecond);
BENCHMARK(knn_crossover)->ArgsProduct({{64, 128, 256, 512, 1024}, {0, 1}});
}  // namespace
}  // namespace calofuse::bench
