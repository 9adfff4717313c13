/// \file tests/support/toy_events.hpp
/// Raw events that a network can learn in a few steps.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "models/engine/event_input.hpp"

namespace calofuse::test {
/// Raw events: pedestal noise and a blob whose width depends on the label.
struct ToyEvents {
    std::vector<std::uint16_t> adc;
    std::vector<std::uint8_t> label;
    std::vector<std::int32_t> rows;

    explicit ToyEvents(std::size_t n) : adc(n * kNumChannels), label(n), rows(n)
    {
        std::mt19937 rng(3);
        std::normal_distribution<double> normal;
        auto const map = ChannelMap::focalh_prototype2();
        for (std::size_t e = 0; e < n; ++e) {
            rows[e] = static_cast<std::int32_t>(e);
            label[e] = static_cast<std::uint8_t>(e % 2);
            double const width = e % 2 == 1 ? 1.0 : 3.0;
            double const x0 = normal(rng), y0 = normal(rng);
            for (Cell const& c : map.cells) {
                double const r2 = std::pow(c.x_cm - x0, 2) + std::pow(c.y_cm - y0, 2);
                double const value = 30 + 3 * normal(rng)
                                     + 8000 / (width * width) * std::exp(-r2 / (2 * width * width));
                adc[e * kNumChannels + static_cast<std::size_t>(c.channel)] =
                    static_cast<std::uint16_t>(std::clamp(value, 0.0, 8191.0));
            }
        }
    }
};

inline InputScaling toy_scaling()
{
    InputScaling s;
    s.pedestals.assign(kNumChannels, 30.0F);
    s.energy_mean = 50000;
    s.energy_std = 20000;
    return s;
}
}  // namespace calofuse::test
