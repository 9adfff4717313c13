/// \file bench/support/bench.hpp
/// What every bench needs: random data, counters of the least possible traffic, and a copy of the
/// same size to compare with in the same run.
#pragma once

#include <cstring>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "runtime/buffer.hpp"

namespace calofuse::bench {
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

/// memcpy of `state.range(0)` floats: reads and writes each once.
inline void copy_reference(benchmark::State& state)
{
    Context ctx = Context::cpu(1);
    std::int64_t const count = state.range(0);
    auto const from = random_buffer(ctx, count, 1);
    Buffer<float> const to(ctx, count);
    for (auto _ : state) {
        std::memcpy(to.data(), from.data(), static_cast<std::size_t>(count) * sizeof(float));
        benchmark::ClobberMemory();
    }
    report_bytes(state, 8.0 * static_cast<double>(count));
}
}  // namespace calofuse::bench
