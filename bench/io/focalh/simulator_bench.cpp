/// \file bench/io/focalh/simulator_bench.cpp
/// Events a second of the generator, by file, one thread, and of the electromagnetic kernel.
///
/// Prediction for one core of about 3 GHz with AVX2. A component costs 2 (16^2 + 8^2) = 640
/// arctangents of ~20 flop and a division, 80 vectors of 8 at ~15 cycles: 0.5 us. Electrons have 6.2
/// components, hadrons about 8 (3 pi0 of two each, two of the halo): 3 to 4 us. Noise: 512 normals
/// from 128 Philox blocks at ~30 cycles and 32 vector pairs at ~60: 2 us. Scalar draws and
/// exponentials of the physics, some 150 at 20 ns: 3 us. So ~10 us, 100,000 events/s a core; wanted
/// are 7,500 a core.
///
/// Measured on one loaded core (Xeon 2.8 GHz, AVX2 code): 107,000 events/s for electrons of 20 GeV,
/// 96,000 of 300 GeV, 72,000 for hadrons of 60 GeV, 57,000 of 350 GeV (48,000 with all four planes);
/// 0.8 us a component. Hadrons take longer than predicted: more of them are pi0 at high energy.
#include <benchmark/benchmark.h>

#include "io/focalh/simulator/canvas.hpp"
#include "io/focalh/simulator/simulator.hpp"

namespace calofuse::bench {
namespace {
void generate(benchmark::State& state)
{
    constexpr std::int64_t kEvents = 1024;
    BeamFile const file{state.range(0) == 0 ? Label::electron : Label::hadron,
                        static_cast<int>(state.range(1))};
    auto const planes = state.range(2) == 4 ? Planes::all : Planes::high_gain;
    Context const ctx = Context::cpu(1);
    Simulator const simulator({}, ChannelMap::focalh_prototype2());
    std::vector<std::int16_t> adc(kEvents * kNumChannels * state.range(2));
    std::vector<float> truth(kEvents * kTruthColumns);
    std::int64_t first = 0;
    for (auto _ : state) {
        simulator.generate(ctx, file, first, kEvents, planes, adc, truth);
        benchmark::DoNotOptimize(adc.data());
        first += kEvents;
    }
    state.SetItemsProcessed(state.iterations() * kEvents);  // events/s
}
BENCHMARK(generate)
    ->ArgNames({"hadron", "gev", "planes"})
    ->Args({0, 20, 1})
    ->Args({0, 300, 1})
    ->Args({1, 60, 1})
    ->Args({1, 350, 1})
    ->Args({1, 350, 4});

void shower_component(benchmark::State& state)
{
    simulator::Canvas canvas;
    double x = 0.1;
    for (auto _ : state) {
        canvas.add(10, x, -0.3, 1.1);
        x = 0.2 - x;
        benchmark::DoNotOptimize(canvas);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(shower_component);
}  // namespace
}  // namespace calofuse::bench
