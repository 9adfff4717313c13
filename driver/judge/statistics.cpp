#include "driver/judge/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kLowTail = (1 - kOneSigma) / 2, kHighTail = 1 - kLowTail;
}  // namespace

Efficiency efficiency(std::int64_t passed, std::int64_t total)
{
    CALOFUSE_CHECK(passed >= 0 && passed <= total, passed << " of " << total);
    if (total == 0) return {0, 0, kNan, kNan, kNan};
    Interval const interval = clopper_pearson(passed, total);
    return {passed, total, static_cast<double>(passed) / static_cast<double>(total), interval.low,
            interval.high};
}

void Share::add(bool pass, double w)
{
    ++total;
    weight += w;
    weight2 += w * w;
    if (!pass) return;
    ++passed;
    weight_passed += w;
}

Figure Share::figure(std::string name) const
{
    bool const unweighted =
        weight == static_cast<double>(total) && weight2 == static_cast<double>(total);
    if (unweighted) {
        Efficiency const e = efficiency(passed, total);
        return {std::move(name), e.value, e.low, e.high};
    }
    double const value = weight_passed / weight;
    double const error = std::sqrt(value * (1 - value) * weight2) / weight;
    return {std::move(name), value, std::max(0.0, value - error), std::min(1.0, value + error)};
}

Sample::Sample(std::span<double const> value, std::span<float const> weight)
{
    std::size_t const n = value.size();
    CALOFUSE_CHECK(weight.empty() || weight.size() == n,
                   n << " values, " << weight.size() << " weights");
    std::vector<std::uint32_t> order(n);
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        return value[a] != value[b] ? value[a] < value[b] : a < b;
    });
    auto const w = [&](std::uint32_t i) {
        return weight.empty() ? 1.0 : static_cast<double>(weight[i]);
    };
    double sum = 0, sum2 = 0, first = 0;
    for (std::uint32_t const i : order) {
        value_.push_back(value[i]);
        position_.push_back(sum + w(i) / 2);
        sum += w(i);
        sum2 += w(i) * w(i);
        first += w(i) * value[i];
    }
    for (double& p : position_)
        p /= sum;
    mean_ = first / sum;
    effective_ = sum * sum / sum2;
    double second = 0;
    for (std::uint32_t const i : order) {
        double const d = value[i] - mean_;
        second += w(i) * d * d;
        fourth_ += w(i) * d * d * d * d;
    }
    deviation_ = std::sqrt(second / sum);
    fourth_ /= sum;
}

double Sample::mean_error() const
{
    return deviation_ / std::sqrt(effective_);
}

double Sample::deviation_error() const
{
    double const variance = deviation_ * deviation_;
    if (variance == 0) return 0;
    return std::sqrt(std::max(0.0, fourth_ - variance * variance) / effective_) / (2 * deviation_);
}

double Sample::quantile(double p) const
{
    if (value_.empty()) return kNan;
    auto const above = std::lower_bound(position_.begin(), position_.end(), p);
    if (above == position_.begin()) return value_.front();
    if (above == position_.end()) return value_.back();
    auto const k = static_cast<std::size_t>(above - position_.begin());
    double const t = (p - position_[k - 1]) / (position_[k] - position_[k - 1]);
    return value_[k - 1] + t * (value_[k] - value_[k - 1]);
}

double Sample::half_width() const
{
    return (quantile(kHighTail) - quantile(kLowTail)) / 2;
}

double Sample::quantile_error(double p) const
{
    double const spread = std::sqrt(p * (1 - p) / effective_);
    return (quantile(std::min(1.0, p + spread)) - quantile(std::max(0.0, p - spread))) / 2;
}

double Sample::half_width_error() const
{
    // Two quantiles of one sample are correlated: cov = p (1 - q) / (n f(x_p) f(x_q)), p < q.
    double const low = quantile_error(kLowTail), high = quantile_error(kHighTail);
    double const correlation = kLowTail / kHighTail;
    return std::sqrt(low * low + high * high - 2 * correlation * low * high) / 2;
}

Figure with_error(std::string name, double value, double error)
{
    return {std::move(name), value, value - error, value + error};
}

double normal_quantile(double p)
{
    CALOFUSE_CHECK(p > 0 && p < 1, "p=" << p);
    double low = -40, high = 40;
    for (int i = 0; i < 100; ++i) {
        double const middle = (low + high) / 2;
        (std::erfc(-middle / std::sqrt(2.0)) / 2 < p ? low : high) = middle;
    }
    return (low + high) / 2;
}

double ResolutionFit::operator()(double energy) const
{
    return std::sqrt(a * a / energy + b * b);
}

ResolutionFit fit_resolution(std::span<double const> energy,
                             std::span<double const> resolution,
                             std::span<double const> error)
{
    ResolutionFit fit{kNan, kNan, kNan, kNan, kNan, 0};
    // y = A x + B with x = 1 / E, y = s^2, A = a^2, B = b^2; error of y = 2 s error(s).
    double s = 0, sx = 0, sxx = 0, sy = 0, sxy = 0;
    auto const each = [&](auto&& f) {
        for (std::size_t i = 0; i < energy.size(); ++i) {
            double const d = 2 * resolution[i] * error[i];
            if (d > 0 && std::isfinite(d) && energy[i] > 0)
                f(1 / energy[i], resolution[i] * resolution[i], 1 / (d * d));
        }
    };
    each([&](double x, double y, double w) {
        ++fit.points;
        s += w, sx += w * x, sxx += w * x * x, sy += w * y, sxy += w * x * y;
    });
    double const determinant = s * sxx - sx * sx;
    if (fit.points < 3 || !(determinant > 0)) return fit;
    double square_a = (s * sxy - sx * sy) / determinant,
           square_b = (sxx * sy - sx * sxy) / determinant;
    double variance_a = s / determinant, variance_b = sxx / determinant;
    if (square_b < 0) {
        square_b = variance_b = 0;
        square_a = sxy / sxx;
        variance_a = 1 / sxx;
    } else if (square_a < 0) {
        square_a = variance_a = 0;
        square_b = sy / s;
        variance_b = 1 / s;
    }
    fit.a = std::sqrt(square_a);
    fit.b = std::sqrt(square_b);
    fit.a_error = fit.a > 0 ? std::sqrt(variance_a) / (2 * fit.a) : 0;
    fit.b_error = fit.b > 0 ? std::sqrt(variance_b) / (2 * fit.b) : 0;
    fit.chi2 = 0;
    each([&](double x, double y, double w) {
        double const r = y - square_a * x - square_b;
        fit.chi2 += w * r * r;
    });
    return fit;
}
}  // namespace calofuse
