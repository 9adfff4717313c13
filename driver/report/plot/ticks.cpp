#include "driver/report/plot/ticks.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "driver/report/plot/svg.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
/// 10^n by the decimal reader: exact to the last bit, unlike products of 0.1.
double power_of_ten(int n)
{
    return std::stod(fmt::format("1e{}", n));
}

/// Whether labels as wide (or high) as these keep a gap between each other.
bool fits(std::vector<Tick> const& list, TickRequest const& r, Scale scale)
{
    double previous_end = -1e30;
    for (Tick const& tick : list) {
        if (tick.label.empty()) continue;
        double const along = scale == Scale::linear ? (tick.value - r.min) / (r.max - r.min)
                                                    : (std::log10(tick.value) - std::log10(r.min))
                                                          / (std::log10(r.max) - std::log10(r.min));
        double const extent = r.horizontal ? text_width(tick.label, r.font_size) : r.font_size;
        double const gap = r.horizontal ? 0.9 * r.font_size : 0.6 * r.font_size;
        if (along * r.length - extent / 2 < previous_end + gap) return false;
        previous_end = along * r.length + extent / 2;
    }
    return true;
}

std::vector<Tick> linear_ticks(TickRequest const& r)
{
    constexpr int kSteps[] = {1, 2, 5};
    auto const wanted = std::clamp(r.length / (r.horizontal ? 55 : 38), 2.0, 10.0);
    int exponent = static_cast<int>(std::floor(std::log10((r.max - r.min) / wanted)));
    if (r.whole) exponent = std::max(exponent, 0);
    double const largest = std::max(std::abs(r.min), std::abs(r.max));
    for (std::vector<Tick> list;; ++exponent) {
        for (int const factor : kSteps) {
            double const unit = power_of_ten(std::abs(exponent));
            auto const value_of = [&](double k) {
                return exponent < 0 ? k * factor / unit : k * factor * unit;
            };
            double const step = value_of(1);
            if ((r.max - r.min) / step > wanted + 1e-9) continue;
            list.clear();
            double const slack = 1e-9;
            for (double k = std::ceil(r.min / step - slack); k <= std::floor(r.max / step + slack);
                 ++k)
                list.push_back({value_of(k), linear_label(value_of(k), step, largest)});
            if (list.size() < 2 || fits(list, r, Scale::linear)) return list;
        }
    }
}

/// Decades, every n-th of them labelled; on short axes 2 and 5 too.
std::vector<Tick> log_ticks(TickRequest const& r)
{
    int const first = static_cast<int>(std::floor(std::log10(r.min) + 1e-9));
    int const last = static_cast<int>(std::ceil(std::log10(r.max) - 1e-9));
    auto const inside = [&](double v) {
        return v >= r.min * (1 - 1e-9) && v <= r.max * (1 + 1e-9);
    };
    bool const small = last - first <= 8;
    for (int every = last - first <= 2 ? 0 : 1;; ++every) {
        std::vector<Tick> list;
        for (int n = first; n <= last; ++n)
            for (int mantissa = 1; mantissa <= (small ? 9 : 1); ++mantissa) {
                double const decade = power_of_ten(std::abs(n));
                double const value = n < 0 ? mantissa / decade : mantissa * decade;
                if (!inside(value)) continue;
                bool const labelled = every == 0 ? mantissa == 1 || mantissa == 2 || mantissa == 5
                                                 : mantissa == 1 && (n - first) % every == 0;
                list.push_back({value, labelled ? log_label(mantissa, n) : ""});
            }
        if (every > last - first || fits(list, r, Scale::log)) return list;
    }
}
}  // namespace

std::string linear_label(double value, double step, double largest)
{
    if (std::abs(value) < step * 1e-9) return "0";
    struct Prefix {
        double unit;
        char const* letter;
    };
    Prefix const prefix = largest >= 2e6   ? Prefix{1e6, "M"}
                          : largest >= 1e4 ? Prefix{1e3, "k"}
                                           : Prefix{1, ""};
    if (largest >= 1e10 || step < 1e-7) return fmt::format("{:g}", value);
    int decimals = 0;
    for (double s = step / prefix.unit; decimals < 9 && std::abs(s - std::round(s)) > 1e-6; s *= 10)
        ++decimals;
    return fmt::format("{:.{}f}{}", value / prefix.unit, decimals, prefix.letter);
}

std::string log_label(int mantissa, int exponent)
{
    if (exponent >= -2 && exponent <= 3) {
        double const unit = power_of_ten(std::abs(exponent));
        return exponent < 0 ? fmt::format("{:.{}f}", mantissa / unit, -exponent)
                            : fmt::format("{:.0f}", mantissa * unit);
    }
    constexpr char const* kSuperscripts[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    std::string out = mantissa == 1 ? "10" : fmt::format("{}·10", mantissa);
    if (exponent < 0) out += "⁻";
    for (char const digit : fmt::format("{}", std::abs(exponent)))
        out += kSuperscripts[digit - '0'];
    return out;
}

std::vector<Tick> ticks(Scale scale, TickRequest const& request)
{
    CALOFUSE_CHECK(request.min < request.max && std::isfinite(request.max - request.min),
                   "axis from " << request.min << " to " << request.max);
    if (scale == Scale::linear) return linear_ticks(request);
    CALOFUSE_CHECK(request.min > 0, "logarithmic axis from " << request.min);
    return log_ticks(request);
}
}  // namespace calofuse
