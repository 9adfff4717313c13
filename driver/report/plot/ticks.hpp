/// \file driver/report/plot/ticks.hpp
/// Where an axis has its ticks and what stands there: round numbers, as many as fit side by side.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace calofuse {
enum class Scale : std::uint8_t { linear, log };

struct Tick {
    double value = 0;
    std::string label;  ///< empty: a small tick without label
};

/// Ticks within [min, max], min < max (both > 0 where logarithmic), for an axis of `length` pixels.
/// Labels of a horizontal axis need their width, those of a vertical one their height.
struct TickRequest {
    double min = 0, max = 1;
    double length = 100;
    double font_size = 11.5;
    bool horizontal = true;
    bool whole = false;  ///< whole numbers only, e.g. epochs
};
std::vector<Tick> ticks(Scale scale, TickRequest const& request);

/// "0.25", "1500", "20k", "1.5M". `step` = distance of the ticks: tells how many decimals matter;
/// `largest` = largest magnitude on the axis: picks the SI prefix, the same for all its ticks.
std::string linear_label(double value, double step, double largest);
/// "0.01", "1", "100", then "10⁴", "2·10⁻³".
std::string log_label(int mantissa, int exponent);
}  // namespace calofuse
