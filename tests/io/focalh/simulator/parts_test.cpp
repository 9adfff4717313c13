/// The generator's parts against their definitions: elementary functions, draws, lateral kernel.
#include <cmath>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "io/focalh/simulator/canvas.hpp"
#include "io/focalh/simulator/math.hpp"

namespace calofuse::test {
namespace {
using namespace simulator;

TEST(SimulatorMath, elementary_functions)
{
    for (int i = -2000; i <= 2000; ++i) {
        float const p = 0.01F * static_cast<float>(i);
        for (float const q : {0.02F, 1.0F, 7.3F, 20.0F})
            ASSERT_NEAR(atan_ratio(p, q), std::atan2(static_cast<double>(p), q), 2.5e-7) << p;
    }
    for (float x = 1e-7F; x < 1e6F; x *= 1.013F) {
        double const exact = std::log(static_cast<double>(x));
        ASSERT_NEAR(log_of(x), exact, 1e-7 + 2e-7 * std::abs(exact)) << x;
    }
    EXPECT_EQ(log_of(1.0F), 0.0F);
    EXPECT_EQ(one_minus_exp(0.0F), 0.0F);
    for (float x = 1e-7F; x < 200; x *= 1.013F) {
        double const exact = -std::expm1(-static_cast<double>(x));
        ASSERT_NEAR(one_minus_exp(x) / exact, 1, 6e-7) << x;
    }
}

struct Moments {
    double mean = 0, variance = 0, skew = 0, kurtosis = 0;
};
Moments moments(std::vector<double> const& x)
{
    Moments m;
    auto const n = static_cast<double>(x.size());
    m.mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
    for (double const v : x) {
        double const d = v - m.mean;
        m.variance += d * d / n;
        m.skew += d * d * d / n;
        m.kurtosis += d * d * d * d / n;
    }
    m.skew /= std::pow(m.variance, 1.5);
    m.kurtosis /= m.variance * m.variance;
    return m;
}

constexpr int kDraws = 200'000;
constexpr double kFourSigma = 4 / 447.2;  // 4 / sqrt(kDraws)

TEST(SimulatorMath, vector_normals)
{
    std::vector<double> x;
    double product = 0;
    for (std::uint64_t i = 0; i < kDraws / 4; ++i) {
        PhiloxWords const w = EventKey{3, 4, 5}.words(1, i);
        float n[4];
        normal_pair(w.w[0], w.w[1], n[0], n[1]);
        normal_pair(w.w[2], w.w[3], n[2], n[3]);
        x.insert(x.end(), n, n + 4);
        product += static_cast<double>(n[0] * n[1]) / (kDraws / 4);
    }
    Moments const m = moments(x);
    EXPECT_NEAR(m.mean, 0, kFourSigma);
    EXPECT_NEAR(m.variance, 1, kFourSigma * std::sqrt(2.0));
    EXPECT_NEAR(m.skew, 0, kFourSigma * std::sqrt(6.0));
    EXPECT_NEAR(m.kurtosis, 3, kFourSigma * std::sqrt(24.0));
    EXPECT_NEAR(product, 0, 2 * kFourSigma);
    double const beyond = static_cast<double>(
        std::count_if(x.begin(), x.end(), [](double v) { return std::abs(v) > 2.5758293; }));
    EXPECT_NEAR(beyond / kDraws, 0.01, kFourSigma * 0.1);
}

TEST(SimulatorMath, scalar_draws_have_their_mean_and_variance)
{
    EventRandom rng({1, 2, 3});
    auto const check = [&](auto&& draw, double mean, double variance, char const* name) {
        std::vector<double> x(kDraws / 4);
        for (double& v : x)
            v = draw();
        Moments const m = moments(x);
        double const sigma = std::sqrt(variance / static_cast<double>(x.size()));
        EXPECT_NEAR(m.mean, mean, 4.5 * sigma) << name;
        EXPECT_NEAR(m.variance / variance, 1, 0.07) << name;
    };
    check([&] { return rng.uniform(); }, 0.5, 1.0 / 12, "uniform");
    check([&] { return rng.normal(); }, 0, 1, "normal");
    check([&] { return rng.exponential(2.5); }, 2.5, 6.25, "exponential");
    check([&] { return rng.poisson(3.2, 100); }, 3.2, 3.2, "poisson");
    check([&] { return rng.gamma(0.7); }, 0.7, 0.7, "gamma 0.7");
    check([&] { return rng.gamma(6.3); }, 6.3, 6.3, "gamma 6.3");
    check([&] { return rng.beta(6, 4); }, 0.6, 0.6 * 0.4 / 11, "beta");
    EXPECT_EQ(rng.poisson(40, 3), 3);
    EXPECT_EQ(rng.poisson(0, 3), 0);
}

/// The kernel integrated over a cell by the midpoint rule.
double integral(double x0, double x1, double y0, double y1, double r)
{
    constexpr int kSteps = 400;
    double sum = 0;
    for (int i = 0; i < kSteps; ++i) {
        for (int j = 0; j < kSteps; ++j) {
            double const x = x0 + (i + 0.5) / kSteps * (x1 - x0);
            double const y = y0 + (j + 0.5) / kSteps * (y1 - y0);
            double const s = x * x + y * y + r * r;
            sum += r * r / (3.14159265358979 * s * s);
        }
    }
    return sum * (x1 - x0) * (y1 - y0) / (kSteps * kSteps);
}

TEST(SimulatorCanvas, cells_hold_the_integral_of_the_kernel)
{
    double const x = 0.43;
    double const y = -1.2;
    ChannelMap const map = ChannelMap::focalh_prototype2();
    for (double const r : {0.3, 1.1, 8.5}) {
        Canvas canvas;
        canvas.add(10, x, y, r);
        auto const cells = canvas.cells(0);
        for (std::size_t i = 0; i < cells.size(); i += 7) {
            Cell const& c = map.cells[i];
            double const half = kModuleSideCm / module_side(c.module) / 2;
            double const want = 10
                                * integral(c.x_cm - half - x, c.x_cm + half - x, c.y_cm - half - y,
                                           c.y_cm + half - y, r);
            EXPECT_NEAR(cells[i], want, 1e-5 + 2e-4 * want) << "cell " << i << ", R " << r;
        }
    }
}

TEST(SimulatorCanvas, narrow_component_is_all_inside)
{
    Canvas canvas;
    canvas.add(5, 0.1, 0.2, 0.05);
    auto const cells = canvas.cells(0.015F);
    EXPECT_NEAR(std::accumulate(cells.begin(), cells.end(), 0.0), 5, 1e-3);
}

TEST(SimulatorCanvas, points_land_in_the_cell_that_holds_them)
{
    ChannelMap const map = ChannelMap::focalh_prototype2();
    for (std::size_t i = 0; i < kNumCells; ++i) {
        Cell const& c = map.cells[i];
        double const off = 0.49 * kModuleSideCm / module_side(c.module);
        for (double const sign : {-1.0, 1.0}) {
            Canvas canvas;
            canvas.add_point(2, c.x_cm + sign * off, c.y_cm - sign * off);
            auto const cells = canvas.cells(0);
            EXPECT_EQ(cells[i], 2.0F);
            EXPECT_EQ(std::accumulate(cells.begin(), cells.end(), 0.0F), 2.0F);
        }
    }
    Canvas canvas;
    canvas.add_point(2, 9.76, 0);
    canvas.add_point(2, 0, -9.76);
    canvas.add_point(2, 1e9, 1e9);
    auto const cells = canvas.cells(0);
    EXPECT_EQ(std::accumulate(cells.begin(), cells.end(), 0.0F), 0.0F);
}

TEST(SimulatorCanvas, crosstalk_keeps_the_sum_and_stays_in_the_module)
{
    ChannelMap const map = ChannelMap::focalh_prototype2();
    for (std::size_t i = 0; i < kNumCells; ++i) {
        Cell const& c = map.cells[i];
        Canvas canvas;
        canvas.add_point(1, c.x_cm, c.y_cm);
        auto const cells = canvas.cells(0.1F);
        for (std::size_t j = 0; j < kNumCells; ++j) {
            Cell const& d = map.cells[j];
            int const steps = std::abs(c.row - d.row) + std::abs(c.col - d.col);
            if (steps == 0 && c.module == d.module) continue;
            ASSERT_FLOAT_EQ(cells[j], c.module == d.module && steps == 1 ? 0.1F : 0.0F);
        }
        ASSERT_NEAR(std::accumulate(cells.begin(), cells.end(), 0.0), 1, 1e-6);
    }
}
}  // namespace
}  // namespace calofuse::test
