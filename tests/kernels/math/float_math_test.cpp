#include "kernels/math/float_math.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace calofuse::test {
namespace {
/// Largest error of `got` on a fine grid, in units of eps * max(|want|, floor).
template <class F, class G>
double worst_error(double low, double high, double floor, F got, G want)
{
    double worst = 0;
    constexpr int kPoints = 200'003;
    for (int i = 0; i <= kPoints; ++i) {
        auto const x = static_cast<float>(low + (high - low) * i / kPoints);
        double const exact = want(static_cast<double>(x));
        double const unit =
            std::max(std::abs(exact), floor) * std::numeric_limits<float>::epsilon();
        worst = std::max(worst, std::abs(static_cast<double>(got(x)) - exact) / unit);
    }
    return worst;
}
}  // namespace

TEST(FloatMath, agrees_with_double)
{
    EXPECT_LE(worst_error(-87, 88, 0, exp_float, [](double x) { return std::exp(x); }), 1.5);
    EXPECT_LE(worst_error(-20, 20, 0, expm1_float, [](double x) { return std::expm1(x); }), 4);
    EXPECT_LE(worst_error(-1e-3, 1e-3, 0, expm1_float, [](double x) { return std::expm1(x); }), 4);
    EXPECT_LE(worst_error(-12, 12, 0, tanh_float, [](double x) { return std::tanh(x); }), 4);
    EXPECT_LE(worst_error(-1e-3, 1e-3, 0, tanh_float, [](double x) { return std::tanh(x); }), 4);
    EXPECT_LE(
        worst_error(-80, 80, 0, sigmoid_float, [](double x) { return 1 / (1 + std::exp(-x)); }), 3);
}

TEST(FloatMath, limits)
{
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    EXPECT_EQ(exp_float(0.0F), 1.0F);
    EXPECT_LT(exp_float(-kInfinity), 2e-38F);
    EXPECT_GT(exp_float(1e4F), 1e38F);
    EXPECT_EQ(expm1_float(0.0F), 0.0F);
    EXPECT_EQ(expm1_float(-1e4F), -1.0F);
    EXPECT_EQ(tanh_float(0.0F), 0.0F);
    EXPECT_EQ(tanh_float(1e4F), 1.0F);
    EXPECT_EQ(tanh_float(-kInfinity), -1.0F);
    EXPECT_EQ(sigmoid_float(1e4F), 1.0F);
    EXPECT_LT(sigmoid_float(-1e4F), 1e-37F);
    float const nan = std::nanf("");
    EXPECT_TRUE(std::isnan(exp_float(nan)));
    EXPECT_TRUE(std::isnan(expm1_float(nan)));
    EXPECT_TRUE(std::isnan(tanh_float(nan)));
    EXPECT_TRUE(std::isnan(sigmoid_float(nan)));
}
}  // namespace calofuse::test
