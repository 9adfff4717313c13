/// \file bench/support/bench.hpp
/// What every bench needs: the backend to time (CALOFUSE_BENCH_DEVICE = cpu, the default, or cuda),
/// random data, counters of the least possible traffic, and a copy of the same size to compare with
/// in the same run.
#pragma once

#include <functional>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "runtime/buffer.hpp"
#include "runtime/isa.hpp"

namespace calofuse::bench {
/// Whether CUDA is timed.
bool on_cuda();

/// One core, or the first GPU; ends the program (exit 69) where that is not usable.
Context bench_context();

/// `->Apply(device_time)` for every bench that uses `timed`: on CUDA the time is what it measures.
inline void device_time(benchmark::internal::Benchmark* bench)
{
    if (on_cuda()) bench->UseManualTime();
}

/// The part of `timed` for CUDA.
void time_on_device(benchmark::State& state, Context& ctx, std::function<void()> const& work);

/// The loop of a bench. On CUDA the calls of `work` are recorded into a graph, as in a training step,
/// and timed by the device's own clock: neither launches nor waits of the host count.
template <class Work>
void timed(benchmark::State& state, Context& ctx, Work const& work)
{
    if (ctx.backend() != Backend::cpu) return time_on_device(state, ctx, work);
    for (auto _ : state)
        work();
}

/// First line of a bench that CUDA has nothing to do with.
inline bool only_cpu(benchmark::State& state)
{
    if (on_cuda()) state.SkipWithError("not run: only for the CPU");
    return on_cuda();
}

/// The instruction sets to compare, an argument of a bench; a GPU has no such choice.
inline std::vector<std::int64_t> isas()
{
    return on_cuda() ? std::vector<std::int64_t>{0} : std::vector<std::int64_t>{0, 1};
}

/// `->Apply(by_isa)`: `device_time`, once an instruction set.
inline void by_isa(benchmark::internal::Benchmark* bench)
{
    bench->Apply(device_time)->ArgsProduct({isas()});
}
/// `->Apply(by_events_and_isa)`: 32 events, a pass of a training step, and 1,024, a batch.
inline void by_events_and_isa(benchmark::internal::Benchmark* bench)
{
    bench->Apply(device_time)->ArgsProduct({{32, 1024}, isas()});
}

/// First line of a bench that compares them: says which one this is, and whether it can run here.
inline bool lacks(benchmark::State& state, Isa isa)
{
    state.SetLabel(on_cuda() ? "cuda" : name_of(isa));
    if (!cpu_has(isa)) state.SkipWithError("not run: not on this processor");
    return !cpu_has(isa);
}

inline std::vector<float> random_floats(std::int64_t count,
                                        std::uint32_t seed,
                                        float low = -1.0F,
                                        float high = 1.0F)
{
    std::mt19937 rng(seed);
    std::uniform_real_distribution<float> draw(low, high);
    std::vector<float> out(static_cast<std::size_t>(count));
    for (float& v : out)
        v = draw(rng);
    return out;
}

/// A buffer of random floats on the context's backend.
inline Buffer<float> random_buffer(
    Context& ctx, std::int64_t count, std::uint32_t seed, float low = -1.0F, float high = 1.0F)
{
    auto const host = random_floats(count, seed, low, high);
    return {ctx, std::span<float const>(host)};
}

/// GB/s of `bytes` an iteration: what must be read and written at least, each tensor once.
inline void report_bytes(benchmark::State& state, double bytes)
{
    state.counters["GB/s"] =
        benchmark::Counter(bytes * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}
inline void report_flop(benchmark::State& state, double flop)
{
    state.counters["GFLOP/s"] =
        benchmark::Counter(flop * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}
inline void report_events(benchmark::State& state, double events)
{
    state.counters["events/s"] =
        benchmark::Counter(events, benchmark::Counter::kIsIterationInvariantRate);
}

/// Copies `state.range(0)` floats: reads and writes each once.
void copy_reference(benchmark::State& state);
}  // namespace calofuse::bench
