#include "driver/judge/interval.hpp"

#include <cmath>

#include "runtime/error.hpp"

namespace calofuse {
namespace {
/// The continued fraction of I_x(a, b) (Abramowitz and Stegun 26.5.8), evaluated from the front as
/// a product of ratios of two recurrences (Lentz). Converges fast for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x)
{
    constexpr double kTiny = 1e-300;
    constexpr int kMaxTerms = 100'000;  // about sqrt(max(a, b)) are needed
    auto const not_zero = [](double v) {
        return std::abs(v) < kTiny ? kTiny : v;
    };
    double upper = 1;
    double lower = 1 / not_zero(1 - (a + b) * x / (a + 1));
    double fraction = lower;
    for (int m = 1; m < kMaxTerms; ++m) {
        double const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double change = 1;
        for (double const coefficient : {even, odd}) {
            lower = 1 / not_zero(1 + coefficient * lower);
            upper = not_zero(1 + coefficient / upper);
            change = upper * lower;
            fraction *= change;
        }
        if (std::abs(change - 1) < 1e-15) break;
    }
    return fraction;
}
}  // namespace

double incomplete_beta(double a, double b, double x)
{
    CALOFUSE_CHECK(a > 0 && b > 0 && x >= 0 && x <= 1, "a=" << a << " b=" << b << " x=" << x);
    if (x == 0 || x == 1) return x;
    double const front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b)
                                  + a * std::log(x) + b * std::log1p(-x));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double inverse_incomplete_beta(double a, double b, double p)
{
    CALOFUSE_CHECK(p >= 0 && p <= 1, "p=" << p);
    double low = 0;
    double high = 1;
    while (high - low > 1e-15 * high) {  // halving: I_x rises with x
        double const middle = low + (high - low) / 2;
        if (middle <= low || middle >= high) break;
        (incomplete_beta(a, b, middle) < p ? low : high) = middle;
    }
    return low + (high - low) / 2;
}

Interval clopper_pearson(std::int64_t k, std::int64_t n, double coverage)
{
    CALOFUSE_CHECK(k >= 0 && k <= n, k << " of " << n);
    CALOFUSE_CHECK(coverage > 0 && coverage < 1, "coverage " << coverage);
    double const tail = (1 - coverage) / 2;
    auto const successes = static_cast<double>(k);
    auto const failures = static_cast<double>(n - k);
    Interval out;
    if (k > 0) out.low = inverse_incomplete_beta(successes, failures + 1, tail);
    if (k < n) out.high = inverse_incomplete_beta(successes + 1, failures, 1 - tail);
    return out;
}
}  // namespace calofuse
