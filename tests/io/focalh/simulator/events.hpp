/// \file tests/io/focalh/simulator/events.hpp
/// Events of the generator in memory, for its tests.
#pragma once

#include <vector>

#include "io/focalh/simulator/simulator.hpp"

namespace calofuse::test {
struct Events {
    std::vector<std::int16_t> adc;
    std::vector<float> truth;
};

inline Events generate(Simulator const& simulator,
                       BeamFile const& file,
                       std::int64_t first,
                       std::int64_t count,
                       int threads = 2,
                       Planes planes = Planes::high_gain)
{
    auto const n = static_cast<std::size_t>(count);
    Events out{std::vector<std::int16_t>(n * kNumChannels * static_cast<std::size_t>(planes)),
               std::vector<float>(n * kTruthColumns)};
    simulator.generate(Context::cpu(threads), file, first, count, planes, out.adc, out.truth);
    return out;
}

inline Simulator simulator_of(SimulatorParameters const& p = {}, std::uint64_t seed = 1)
{
    return Simulator(p, ChannelMap::focalh_prototype2(), seed);
}

inline constexpr BeamFile kHadron100{Label::hadron, 100};
}  // namespace calofuse::test
