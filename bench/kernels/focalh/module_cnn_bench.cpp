/// \file bench/kernels/focalh/module_cnn_bench.cpp
/// Counted: 7.02 MMAC an event in the second convolution (padding taps left out), the same for its
/// data and its weight gradient; 0.16 MMAC a pass through the first one and as much for its
/// gradient. Forward 14.4 MFLOP, backward 28.7 MFLOP an event.
/// Predicted on a core with 170 GFLOP/s at 75 %: forward 9,000, backward 4,400, both 3,000 events/s.
#include "bench/support/bench.hpp"
#include "kernels/focalh/module_cnn.hpp"

namespace calofuse::bench {
namespace {
constexpr std::int64_t kChannels = 64;
constexpr double kForwardFlop = 2 * (7.02e6 + 0.16e6);
constexpr double kBackwardFlop = 2 * (2 * 7.02e6 + 2 * 0.16e6);

/// A training step's tensors: nine own sets, dropout 0.3, inputs as asinh scales them.
struct Step {
    std::int64_t batch;
    Context ctx = bench_context();
    Buffer<float> x, w1, w2, vectors, y, dy, dw1, dw2, z2, pooled;
    Buffer<std::uint8_t> choice;
    Buffer<std::int64_t> step;

    static constexpr std::int64_t kVector = kNumModules * kChannels;

    explicit Step(std::int64_t events)
        : batch(events)
        , x(random_buffer(ctx, batch * kNumCells, 1, -0.2F, 3.0F))
        , w1(random_buffer(ctx, 9 * kVector, 2, -0.1F, 0.1F))
        , w2(random_buffer(ctx, 9 * kVector * kChannels, 3, -0.07F, 0.07F))
        , vectors(random_buffer(ctx, 16 * kVector, 4, 0.5F, 1.5F))
        , y(ctx, batch * kNumPooledCells * kChannels)
        , dy(random_buffer(ctx, batch * kNumPooledCells * kChannels, 5, -1.0F, 1.0F))
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
    report_events(state, static_cast<double>(events));
    report_flop(state, flop * static_cast<double>(events));
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

void peak(benchmark::State& state)
{
    auto const isa = static_cast<Isa>(state.range(0));
    if (only_cpu(state) || lacks(state, isa)) return;
    int const rounds = 100000;
    int const lanes = isa == Isa::avx512 ? 16 : 8;
    for (auto _ : state)
        benchmark::DoNotOptimize(isa == Isa::avx512 ? wide_chain(rounds) : narrow_chain(rounds));
    state.counters["GFLOP/s"] =
        benchmark::Counter(2e-9 * 12 * lanes * rounds * static_cast<double>(state.iterations()),
                           benchmark::Counter::kIsRate);
}

void train(benchmark::State& state)
{
    auto const isa = static_cast<Isa>(state.range(1));
    if (lacks(state, isa)) return;
    ForcedIsa const forced(isa);
    Step step(state.range(0));
    timed(state, step.ctx, [&] {
        module_cnn_forward(step.ctx, step.forward());
        module_cnn_backward(step.ctx, step.backward());
    });
    report(state, step.batch, kForwardFlop + kBackwardFlop);
}

void forward(benchmark::State& state)
{
    auto const isa = static_cast<Isa>(state.range(1));
    if (lacks(state, isa)) return;
    ForcedIsa const forced(isa);
    Step step(state.range(0));
    timed(state, step.ctx, [&] { module_cnn_forward(step.ctx, step.forward()); });
    report(state, step.batch, kForwardFlop);
}

void backward(benchmark::State& state)
{
    auto const isa = static_cast<Isa>(state.range(1));
    if (lacks(state, isa)) return;
    ForcedIsa const forced(isa);
    Step step(state.range(0));
    module_cnn_forward(step.ctx, step.forward());
    timed(state, step.ctx, [&] { module_cnn_backward(step.ctx, step.backward()); });
    report(state, step.batch, kBackwardFlop);
}

/// Evaluation: given statistics, cells that pooling drops left out (5.15 MMAC).
void infer(benchmark::State& state)
{
    auto const isa = static_cast<Isa>(state.range(1));
    if (lacks(state, isa)) return;
    ForcedIsa const forced(isa);
    Step step(state.range(0));
    ModuleCnnArgs args = step.forward();
    args.norm = NormMode::given;
    args.options.dropout_rate = 0.0F;
    args.saved = {};
    timed(state, step.ctx, [&] { module_cnn_forward(step.ctx, args); });
    report(state, step.batch, 2 * (5.15e6 + 0.16e6));
}

BENCHMARK(peak)->Arg(0)->Arg(1);
BENCHMARK(forward)
    ->Apply(device_time)
    ->ArgsProduct({{1024}, isas()})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(backward)
    ->Apply(device_time)
    ->ArgsProduct({{1024}, isas()})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(infer)->Apply(device_time)->ArgsProduct({{1024}, isas()})->Unit(benchmark::kMillisecond);
BENCHMARK(train)
    ->Apply(device_time)
    ->ArgsProduct({{32, 256, 1024}, isas()})
    ->Unit(benchmark::kMillisecond);
}  // namespace
}  // namespace calofuse::bench
