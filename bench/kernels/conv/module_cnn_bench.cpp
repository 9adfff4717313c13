/// \file bench/kernels/conv/module_cnn_bench.cpp
/// Counted: 7.02 MMAC an event in the second convolution (padding taps left out), the same for its
/// data and its weight gradient; 0.16 MMAC a pass through the first one and as much for its
/// gradient. Forward 14.4 MFLOP, backward 28.7 MFLOP an event.
/// Predicted on a core with 170 GFLOP/s at 75 %: forward 9,000, backward 4,400, both 3,000 events/s.
#include <random>

#include <benchmark/benchmark.h>

#include "kernels/conv/module_cnn.hpp"
#include "runtime/buffer.hpp"
#include "runtime/isa.hpp"

namespace calofuse::bench {
namespace {
constexpr std::int64_t kChannels = 64;
constexpr double kForwardFlop = 2 * (7.02e6 + 0.16e6);
constexpr double kBackwardFlop = 2 * (2 * 7.02e6 + 2 * 0.16e6);

std::vector<float> random_floats(std::int64_t count, float low, float high)
{
    static std::mt19937 rng(1);
    std::uniform_real_distribution<float> draw(low, high);
    std::vector<float> out(static_cast<std::size_t>(count));
    for (float& v : out)
        v = draw(rng);
    return out;
}

/// A training step's tensors: nine own sets, dropout 0.3, inputs as asinh scales them.
struct Step {
    std::int64_t batch;
    Context ctx = Context::cpu(1);
    Buffer<float> x, w1, w2, vectors, y, dy, dw1, dw2, z2, pooled;
    Buffer<std::uint8_t> choice;
    Buffer<std::int64_t> step;

    static constexpr std::int64_t kVector = kNumModules * kChannels;

    explicit Step(std::int64_t events)
        : batch(events)
        , x(ctx, random_floats(batch * kNumCells, -0.2F, 3.0F))
        , w1(ctx, random_floats(9 * kVector, -0.1F, 0.1F))
        , w2(ctx, random_floats(9 * kVector * kChannels, -0.07F, 0.07F))
        , vectors(ctx, random_floats(16 * kVector, 0.5F, 1.5F))
        , y(ctx, batch * kNumPooledCells * kChannels)
        , dy(ctx, random_floats(batch * kNumPooledCells * kChannels, -1.0F, 1.0F))
        , dw1(ctx, 9 * kVector)
        , dw2(ctx, 9 * kVector * kChannels)
        , z2(ctx, batch * kNumCells * kChannels)
        , pooled(ctx, batch * kNumPooledCells * kChannels)
        , choice(ctx, batch * kNumPooledCells * kChannels)
        , step(ctx, 2)
    {}
    TensorRef vector(std::int64_t i) const
    {
        return tensor_ref(vectors.data() + i * kVector, {kNumModules, kChannels});
    }
    ModuleCnnWeights weights(Buffer<float> const& a, Buffer<float> const& b, std::int64_t v) const
    {
        return {a.ref({kNumModules, 9, kChannels}),
                vector(v),
                vector(v + 1),
                vector(v + 2),
                b.ref({kNumModules, 9, kChannels, kChannels}),
                vector(v + 3),
                vector(v + 4),
                vector(v + 5)};
    }
    ModuleCnnArgs forward() const
    {
        return {.x = x.ref({batch, kNumCells}),
                .weights = weights(w1, w2, 0),
                .options = {.dropout_rate = 0.3F, .seed = 1, .stream = 16},
                .norm = NormMode::batch,
                .step = step.ref(),
                .stats = {vector(12), vector(13), vector(14), vector(15)},
                .y = y.ref({batch, kNumPooledCells * kChannels}),
                .saved = {z2.ref({batch, kNumCells, kChannels}),
                          pooled.ref({batch, kNumPooledCells, kChannels}),
                          choice.ref({batch, kNumPooledCells, kChannels})}};
    }
    ModuleCnnGradArgs backward() const
    {
        ModuleCnnArgs const f = forward();
        return {.x = f.x,
                .weights = f.weights,
                .options = f.options,
                .stats = f.stats,
                .saved = f.saved,
                .dy = dy.ref({batch, kNumPooledCells * kChannels}),
                .d = weights(dw1, dw2, 6)};
    }
};

void report(benchmark::State& state, std::int64_t events, double flop)
{
    using benchmark::Counter;
    auto const total = static_cast<double>(state.iterations() * events);
    state.counters["events/s"] = Counter(total, Counter::kIsRate);
    state.counters["GFLOP/s"] = Counter(total * flop * 1e-9, Counter::kIsRate);
}

/// Best of what the core can do: independent sums in registers.
typedef float Vector16 __attribute__((vector_size(64)));
typedef float Vector8 __attribute__((vector_size(32)));
template <class Vector>
__attribute__((always_inline)) inline float fma_chain(int rounds)
{
    Vector sum[12] = {};
    Vector const a = 0.999F - Vector{};
    Vector const b = 1e-3F - Vector{};
    for (int i = 0; i < rounds; ++i)
#pragma GCC unroll 12
        for (int j = 0; j < 12; ++j) {
            sum[j] = sum[j] * a + b;
            asm volatile("" : "+v"(sum[j]));
        }
    float out = 0;
#pragma GCC unroll 12
    for (int j = 0; j < 12; ++j)
        out += sum[j][0];
    return out;
}
__attribute__((target("avx512f"))) float wide_chain(int rounds)
{
    return fma_chain<Vector16>(rounds);
}
float narrow_chain(int rounds)
{
    return fma_chain<Vector8>(rounds);
}

void peak(benchmark::State& state, Isa isa)
{
    if (!cpu_has(isa)) return state.SkipWithError("not on this processor");
    int const rounds = 100000;
    int const lanes = isa == Isa::avx512 ? 16 : 8;
    for (auto _ : state)
        benchmark::DoNotOptimize(isa == Isa::avx512 ? wide_chain(rounds) : narrow_chain(rounds));
    state.counters["GFLOP/s"] =
        benchmark::Counter(2e-9 * 12 * lanes * rounds * static_cast<double>(state.iterations()),
                           benchmark::Counter::kIsRate);
}

void train(benchmark::State& state, Isa isa)
{
    if (!cpu_has(isa)) return state.SkipWithError("not on this processor");
    ForcedIsa const forced(isa);
    Step step(state.range(0));
    for (auto _ : state) {
        module_cnn(step.ctx, step.forward());
        module_cnn_backward(step.ctx, step.backward());
    }
    report(state, step.batch, kForwardFlop + kBackwardFlop);
}

void forward(benchmark::State& state, Isa isa)
{
    if (!cpu_has(isa)) return state.SkipWithError("not on this processor");
    ForcedIsa const forced(isa);
    Step step(state.range(0));
    for (auto _ : state)
        module_cnn(step.ctx, step.forward());
    report(state, step.batch, kForwardFlop);
}

void backward(benchmark::State& state, Isa isa)
{
    if (!cpu_has(isa)) return state.SkipWithError("not on this processor");
    ForcedIsa const forced(isa);
    Step step(state.range(0));
    module_cnn(step.ctx, step.forward());
    for (auto _ : state)
        module_cnn_backward(step.ctx, step.backward());
    report(state, step.batch, kBackwardFlop);
}

/// Evaluation: given statistics, cells that pooling drops left out (5.15 MMAC).
void infer(benchmark::State& state, Isa isa)
{
    if (!cpu_has(isa)) return state.SkipWithError("not on this processor");
    ForcedIsa const forced(isa);
    Step step(state.range(0));
    ModuleCnnArgs args = step.forward();
    args.norm = NormMode::given;
    args.options.dropout_rate = 0.0F;
    args.saved = {};
    for (auto _ : state)
        module_cnn(step.ctx, args);
    report(state, step.batch, 2 * (5.15e6 + 0.16e6));
}
}  // namespace

BENCHMARK_CAPTURE(peak, avx512, Isa::avx512);
BENCHMARK_CAPTURE(peak, avx2, Isa::avx2);
BENCHMARK_CAPTURE(forward, avx512, Isa::avx512)->Arg(1024)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(forward, avx2, Isa::avx2)->Arg(1024)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(backward, avx512, Isa::avx512)->Arg(1024)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(backward, avx2, Isa::avx2)->Arg(1024)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(infer, avx512, Isa::avx512)->Arg(1024)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(infer, avx2, Isa::avx2)->Arg(1024)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(train, avx512, Isa::avx512)
    ->Arg(32)
    ->Arg(256)
    ->Arg(1024)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(train, avx2, Isa::avx2)->Arg(1024)->Unit(benchmark::kMillisecond);
}  // namespace calofuse::bench
