#include "io/focalh/module_activation.hpp"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace calofuse::test {
TEST(ModuleActivation, sums_the_cells_of_each_module)
{
    auto const map = ChannelMap::focalh_prototype2();
    std::vector<std::uint16_t> adc(kNumChannels, 7);
    std::vector<float> const pedestals(kNumChannels, 5.0F);
    for (Cell const& cell : map.cells)
        if (cell.row == 0 && cell.col == 0)
            adc[static_cast<std::size_t>(cell.channel)] =
                static_cast<std::uint16_t>(5 + 100 * cell.module);
    auto const activation = activation_of_modules(adc, map, pedestals);
    for (int m = 0; m < kNumModules; ++m)
        EXPECT_EQ(activation[static_cast<std::size_t>(m)], 100 * m);  // 2 ADC above: not active
}

TEST(ModuleActivation, lean_and_its_error_are_those_of_repeated_experiments)
{
    std::mt19937 rng(4);
    std::normal_distribution<double> left(1000, 300), right(1200, 400);
    auto const experiment = [&] {
        ModuleActivation sums;
        for (int e = 0; e < 400; ++e)
            sums.add({left(rng), 0, right(rng), 0, 5, 0, 0, 0, 0});
        return sums.right_left();
    };
    double sum = 0, square = 0, error = 0;
    constexpr int kTimes = 400;
    for (int i = 0; i < kTimes; ++i) {
        Asymmetry const a = experiment();
        sum += a.value;
        square += a.value * a.value;
        error += a.error / kTimes;
    }
    double const mean = sum / kTimes;
    EXPECT_NEAR(mean, 200.0 / 2200, 4 * error / std::sqrt(kTimes));
    double const spread = std::sqrt(square / kTimes - mean * mean);
    EXPECT_NEAR(error, spread, 0.15 * spread);  // a spread of 400 values is good to 3.5 %
}

TEST(ModuleActivation, parts_add_up_and_nothing_leans_nowhere)
{
    ModuleActivation a, b, both;
    a.add({1, 2, 3, 4, 5, 6, 7, 8, 9});
    b.add({9, 8, 7, 6, 5, 4, 3, 2, 2});
    both.add({1, 2, 3, 4, 5, 6, 7, 8, 9});
    both.add({9, 8, 7, 6, 5, 4, 3, 2, 2});
    a += b;
    EXPECT_EQ(a.num_events(), 2);
    EXPECT_EQ(a.mean(), both.mean());
    EXPECT_EQ(a.right_left().value, both.right_left().value);
    EXPECT_EQ(a.up_down().error, both.up_down().error);
    EXPECT_DOUBLE_EQ(a.right_left().value, (31.0 - 30.0) / 61.0);
    EXPECT_DOUBLE_EQ(a.up_down().value, (30.0 - 31.0) / 61.0);
    EXPECT_EQ(ModuleActivation().right_left().value, 0);
    ModuleActivation nothing;
    nothing.add({0, 0, 0, 0, 7, 0, 0, 0, 0});
    EXPECT_EQ(nothing.right_left().value, 0);
    EXPECT_EQ(nothing.right_left().error, 0);
}
}  // namespace calofuse::test
