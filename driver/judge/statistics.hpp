/// \file driver/judge/statistics.hpp
/// Weighted means, deviations and quantiles with their asymptotic errors, and shares. Host, double.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "driver/judge/interval.hpp"
#include "driver/judge/judge.hpp"

namespace calofuse {
/// passed / total with the central 68.27 % Clopper-Pearson interval; NaN where total is 0.
struct Efficiency {
    std::int64_t passed = 0, total = 0;
    double value = 0, low = 0, high = 0;
};
Efficiency efficiency(std::int64_t passed, std::int64_t total);

/// Sums of a share: what passed, of all.
struct Share {
    std::int64_t passed = 0, total = 0;
    double weight_passed = 0, weight = 0, weight2 = 0;

    void add(bool pass, double w);
    /// Clopper-Pearson if every weight was 1, else normal with (sum w)^2 / sum w^2 events.
    Figure figure(std::string name) const;
};

/// Weighted values, by rising value.
class Sample {
  public:
    /// `weight` empty: 1. NaN figures without values.
    Sample(std::span<double const> value, std::span<float const> weight);

    std::int64_t size() const { return static_cast<std::int64_t>(value_.size()); }
    /// (sum w)^2 / sum w^2.
    double effective_size() const { return effective_; }
    double mean() const { return mean_; }
    double deviation() const { return deviation_; }
    double mean_error() const;
    /// From the fourth moment: var(s) = (m4 - s^4) / (4 s^2 n).
    double deviation_error() const;
    double mean_of_squares() const { return mean_ * mean_ + deviation_ * deviation_; }
    /// Linear between the values, each of which stands at the middle of its weight.
    double quantile(double p) const;
    /// Half the width of the central 68.27 %, and its error by the spread of order statistics.
    double half_width() const;
    double half_width_error() const;

  private:
    double quantile_error(double p) const;

    std::vector<double> value_, position_;  ///< position: share of the weight below the middle
    double effective_ = 0, mean_ = 0, deviation_ = 0, fourth_ = 0;
};

Figure with_error(std::string name, double value, double error);

/// x with P(X < x) = p for a normal X, 0 < p < 1.
double normal_quantile(double p);

/// Resolution s(E) = a / sqrt(E) (+) b fitted by least squares to s^2 = a^2 / E + b^2; a term whose
/// square would be negative is 0. NaN with fewer than 3 points.
struct ResolutionFit {
    double a = 0, a_error = 0, b = 0, b_error = 0, chi2 = 0;
    std::int64_t points = 0;
    double operator()(double energy) const;
};
ResolutionFit fit_resolution(std::span<double const> energy,
                             std::span<double const> resolution,
                             std::span<double const> error);
}  // namespace calofuse
