#include "driver/judge/interval.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "runtime/error.hpp"

namespace calofuse::test {
namespace {
/// P(X = k) of a binomial with n draws, by logarithms.
double binomial(std::int64_t n, std::int64_t k, double p)
{
    auto const nd = static_cast<double>(n);
    auto const kd = static_cast<double>(k);
    return std::exp(std::lgamma(nd + 1) - std::lgamma(kd + 1) - std::lgamma(nd - kd + 1)
                    + kd * std::log(p) + (nd - kd) * std::log1p(-p));
}
double at_most(std::int64_t n, std::int64_t k, double p)
{
    double sum = 0;
    for (std::int64_t i = 0; i <= k; ++i)
        sum += binomial(n, i, p);
    return sum;
}
}  // namespace

TEST(ClopperPearson, known_values)
{
    Interval const half = clopper_pearson(5, 10, 0.95);  // textbook: 0.1871 to 0.8129
    EXPECT_NEAR(half.low, 0.187086, 1e-6);
    EXPECT_NEAR(half.high, 0.812914, 1e-6);
    // Without successes high has a closed form: (1 - high)^n = tail.
    EXPECT_NEAR(clopper_pearson(0, 20, 0.95).high, 1 - std::pow(0.025, 1 / 20.0), 1e-14);
    EXPECT_EQ(clopper_pearson(0, 20, 0.95).low, 0);
    EXPECT_NEAR(clopper_pearson(20, 20, 0.95).low, std::pow(0.025, 1 / 20.0), 1e-14);
    EXPECT_EQ(clopper_pearson(20, 20, 0.95).high, 1);
    EXPECT_EQ(clopper_pearson(0, 0).low, 0);
    EXPECT_EQ(clopper_pearson(0, 0).high, 1);
}

TEST(ClopperPearson, bounds_solve_the_binomial_tails)
{
    for (double const coverage : {kOneSigma, 0.95, 0.999}) {
        double const tail = (1 - coverage) / 2;
        for (std::int64_t const n : {1, 2, 7, 100, 3000}) {
            for (std::int64_t const k : {std::int64_t{0}, n / 3, n / 2, n - 1, n}) {
                Interval const i = clopper_pearson(k, n, coverage);
                if (k > 0) {
                    EXPECT_NEAR(1 - at_most(n, k - 1, i.low), tail, 1e-9) << k << "/" << n;
                }
                if (k < n) {
                    EXPECT_NEAR(at_most(n, k, i.high), tail, 1e-9) << k << "/" << n;
                }
                auto const share = static_cast<double>(k) / static_cast<double>(n);
                EXPECT_LE(i.low, share);
                EXPECT_GE(i.high, share);
            }
        }
    }
}

TEST(ClopperPearson, many_events_give_the_normal_interval)
{
    Interval const i = clopper_pearson(900'000, 1'000'000);
    double const sigma = std::sqrt(0.9 * 0.1 / 1e6);
    EXPECT_NEAR(i.low, 0.9 - sigma, 0.01 * sigma);
    EXPECT_NEAR(i.high, 0.9 + sigma, 0.01 * sigma);
}

TEST(IncompleteBeta, symmetry_and_closed_forms)
{
    for (double const x : {0.0, 1e-6, 0.2, 0.5, 0.77, 1.0}) {
        EXPECT_NEAR(incomplete_beta(1, 1, x), x, 1e-15);
        EXPECT_NEAR(incomplete_beta(3, 1, x), x * x * x, 1e-15);
        EXPECT_NEAR(incomplete_beta(2.5, 4, x) + incomplete_beta(4, 2.5, 1 - x), 1, 1e-14);
    }
    EXPECT_NEAR(incomplete_beta(0.5, 0.5, 0.25), 1 / 3.0, 1e-14);  // 2 / pi asin(sqrt(x))
    EXPECT_NEAR(incomplete_beta(2.5, 4, inverse_incomplete_beta(2.5, 4, 0.123)), 0.123, 1e-14);
}

TEST(ClopperPearson, wrong_arguments_throw)
{
    EXPECT_THROW(clopper_pearson(3, 2), Error);
    EXPECT_THROW(clopper_pearson(-1, 2), Error);
    EXPECT_THROW(clopper_pearson(1, 2, 1.0), Error);
    EXPECT_THROW(incomplete_beta(0, 1, 0.5), Error);
    EXPECT_THROW(incomplete_beta(1, 1, 1.5), Error);
}
}  // namespace calofuse::test
