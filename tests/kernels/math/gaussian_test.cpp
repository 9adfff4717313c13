#include "kernels/math/gaussian.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include <gtest/gtest.h>

namespace calofuse::test {
namespace {
constexpr double kEps = std::numeric_limits<float>::epsilon();

double cdf(double x)
{
    return std::erfc(-x / std::numbers::sqrt2) / 2;
}
double density(double x)
{
    return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
}
}  // namespace

TEST(Gaussian, agrees_with_double)
{
    double worst_cdf = 0, worst_density = 0;
    for (int i = -130'000; i <= 130'000; ++i) {
        float const x = static_cast<float>(i) * 1e-4F;
        auto const exact = static_cast<double>(x);
        Gaussian const got = gaussian(x);
        worst_cdf = std::max(worst_cdf, std::abs(static_cast<double>(got.cdf) / cdf(exact) - 1));
        worst_density = std::max(worst_density,
                                 std::abs(static_cast<double>(got.density) / density(exact) - 1));
    }
    // exp 1.5 units, t and P three, products: six in all
    EXPECT_LE(worst_cdf, 6 * kEps);
    EXPECT_LE(worst_density, 4 * kEps);
}

TEST(Gaussian, limits)
{
    EXPECT_NEAR(gaussian(0.0F).cdf, 0.5, kEps);
    for (float const x : {13.1F, 200.0F, 1e4F, 1e30F, std::numeric_limits<float>::infinity()}) {
        EXPECT_EQ(gaussian(x).cdf, 1.0F);
        EXPECT_EQ(gaussian(-x).cdf, 0.0F);
        EXPECT_EQ(gaussian(x).density, 0.0F);
    }
    float const nan = std::nanf("");
    EXPECT_TRUE(std::isnan(nan * gaussian(nan).cdf));
}
}  // namespace calofuse::test
