/// \file tests/support/hit_events.hpp
/// Events for tests of the graph path: simulated ones of several energies, and made ones that reach
/// every corner: nothing, one cell, all cells, all equal, saturated, checkerboards, noise.
#pragma once

#include <random>
#include <vector>

#include "io/focalh/simulator/simulator.hpp"
#include "kernels/focalh/hits.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse::test {
struct HitEvents {
    std::vector<std::uint16_t> adc;  ///< (N, 256)
    std::vector<std::int32_t> channels;
    std::vector<float> pedestal;  ///< (256)
    std::vector<float> noise;     ///< (256)

    std::int64_t size() const { return static_cast<std::int64_t>(adc.size()) / kNumChannels; }
    /// Event of given energies above 40 ADC, by cell.
    void add(std::vector<int> const& above)
    {
        std::size_t const begin = adc.size();
        adc.resize(begin + kNumChannels, 40);
        for (std::size_t k = 0; k < kNumCells; ++k)
            adc[begin + static_cast<std::size_t>(channels[k])] =
                static_cast<std::uint16_t>(40 + above[k]);
    }
};

inline HitEvents hit_events(std::int64_t simulated_per_file)
{
    HitEvents out;
    auto const map = ChannelMap::focalh_prototype2();
    auto const channels = map.channels();
    out.channels.assign(channels.begin(), channels.end());
    std::mt19937 rng(3);
    for (int c = 0; c < kNumChannels; ++c) {
        out.pedestal.push_back(40.0F + static_cast<float>(rng() % 1000) / 300.0F);
        out.noise.push_back(static_cast<float>(rng() % 1000) / 40.0F);
    }
    Context ctx = Context::cpu(1);
    Simulator const simulator({}, map);
    std::vector<std::int16_t> some(static_cast<std::size_t>(simulated_per_file) * kNumChannels);
    for (BeamFile const file : {BeamFile{Label::hadron, 80}, BeamFile{Label::hadron, 350},
                                BeamFile{Label::electron, 60}, BeamFile{Label::electron, 300}}) {
        simulator.generate(ctx, file, 0, simulated_per_file, Planes::high_gain, some, {});
        out.adc.insert(out.adc.end(), some.begin(), some.end());
    }
    auto const made = [&](auto&& energy_of) {
        std::vector<int> above;
        for (Cell const& c : map.cells)
            above.push_back(energy_of(c));
        out.add(above);
    };
    made([](Cell const&) { return 0; });  // nothing
    made([](Cell const& c) { return c.module == 8 && c.row == 4 && c.col == 4 ? 500 : 0; });
    made([](Cell const&) { return 700; });                                            // all equal
    made([](Cell const&) { return 8191 - 40; });                                      // saturated
    made([](Cell const& c) { return c.row % 2 == 0 && c.col % 2 == 0 ? 900 : 10; });  // most hits
    made([](Cell const& c) { return (c.row + c.col) % 2 == 0 ? 300 : 0; });           // diagonals
    made([](Cell const& c) { return c.row == 0 || c.col == 0 ? 120 : 0; });           // borders
    for (unsigned const range : {60U, 120U, 400U, 8000U})                             // noise
        for (int i = 0; i < 5; ++i)
            made([&](Cell const&) { return static_cast<int>(rng() % range); });
    for (int i = 0; i < 5; ++i)  // plateaus
        made([&](Cell const&) { return static_cast<int>(rng() % 4) * 60; });
    return out;
}

inline constexpr HitRule kAllHitRules[] = {HitRule::ccl, HitRule::ccl_global, HitRule::watershed,
                                           HitRule::cell};
}  // namespace calofuse::test
