/// \file driver/judge/interval.hpp
/// Confidence interval of an efficiency k / n that never covers less than it says
/// (Clopper and Pearson, Biometrika 26, 1934). Host functions in double.
#pragma once

#include <cstdint>

namespace calofuse {
inline constexpr double kOneSigma = 0.6826894921370859;  ///< coverage of +- one standard deviation

struct Interval {
    double low = 0, high = 1;
};

/// With t = (1 - coverage) / 2 and X binomial with n draws: low solves P(X >= k | low) = t, high
/// solves P(X <= k | high) = t; low = 0 for k = 0, high = 1 for k = n. 0 < coverage < 1.
Interval clopper_pearson(std::int64_t k, std::int64_t n, double coverage = kOneSigma);

/// Regularised incomplete beta function I_x(a, b), a, b > 0, 0 <= x <= 1.
double incomplete_beta(double a, double b, double x);
/// x with I_x(a, b) = p.
double inverse_incomplete_beta(double a, double b, double p);
}  // namespace calofuse
