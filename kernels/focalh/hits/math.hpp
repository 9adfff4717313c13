/// \file kernels/focalh/hits/math.hpp
/// The numbers of one hit and of one edge between hits (what they are: kernels/focalh/hits.hpp), to
/// the same bits on every backend: where a product is added it is fused by name, or exact.
#pragma once

#include <cmath>

#include "kernels/focalh/hits.hpp"
#include "kernels/focalh/hits/geometry.hpp"
#include "kernels/math/asinh.hpp"
#include "kernels/math/knn_distance.hpp"

namespace calofuse {
/// Sums over the cells of a hit, taken in cell order. Coordinates are whole numbers, counted from the
/// first cell, so their products with an energy (24 bits) are exact.
struct HitSums {
    double sum, x, y, xx, yy;  ///< energies times powers of the distance from the first cell
    float max;
    std::int16_t first_x, first_y;
    std::uint8_t largest;
    std::uint8_t cells;

    CALOFUSE_HD void start(float a, int cell, int cell_x, int cell_y)
    {
        sum = static_cast<double>(a);
        x = y = xx = yy = 0;
        max = a;
        first_x = static_cast<std::int16_t>(cell_x);
        first_y = static_cast<std::int16_t>(cell_y);
        largest = static_cast<std::uint8_t>(cell);
        cells = 1;
    }
    CALOFUSE_HD void add(float a, int cell, int cell_x, int cell_y)
    {
        double const energy = static_cast<double>(a);
        double const dx = cell_x - first_x;
        double const dy = cell_y - first_y;
        sum += energy;
        x += energy * dx;
        y += energy * dy;
        xx += energy * dx * dx;
        yy += energy * dy * dy;
        if (a > max) {
            max = a;
            largest = static_cast<std::uint8_t>(cell);
        }
        ++cells;
    }
};

/// What all hits of an event have in common.
struct EventSums {
    double total;     ///< energy of all cells, also of those that are off
    float log_total;  ///< log(1 + total)
    int num_cells;    ///< of all hits
    int num_hits;
};

struct HitPosition {
    float x, y;
};

/// Writes the features of a hit to f[0 .. 23].
CALOFUSE_HD inline HitPosition write_hit(EventSums const& event,
                                         HitSums const& s,
                                         int module,
                                         float* f)
{
    constexpr double kTo100mm = kMillimetresPerPositionUnit / 100;
    constexpr double kTo10mm = kMillimetresPerPositionUnit / 10;
    double const mean_x = s.x / s.sum;
    double const mean_y = s.y / s.sum;
    double const px = s.first_x + mean_x;
    double const py = s.first_y + mean_y;
    double const var_x = std::fma(-mean_x, mean_x, s.xx / s.sum);
    double const var_y = std::fma(-mean_y, mean_y, s.yy / s.sum);
    f[0] = static_cast<float>(px * kTo100mm);
    f[1] = static_cast<float>(py * kTo100mm);
    f[2] = log1p_nonnegative(static_cast<float>(s.sum));
    f[3] = static_cast<float>(s.sum / event.total);
    f[4] = static_cast<float>(s.cells) / 25.0F;
    f[5] = static_cast<float>(s.max / s.sum);
    f[6] = static_cast<float>(kTo10mm * std::sqrt(var_x > 0 ? var_x : 0.0));
    f[7] = static_cast<float>(kTo10mm * std::sqrt(var_y > 0 ? var_y : 0.0));
    f[8] = static_cast<float>(kTo100mm * std::sqrt(std::fma(px, px, py * py)));
    f[9] = log1p_nonnegative(s.max);
    f[10] = static_cast<float>(event.num_cells) / 10.0F;
    f[11] = module == kCentreModule ? 1.0F : 0.0F;
    for (int m = 0; m < kNumModules; ++m)
        f[12 + m] = m == module ? 1.0F : 0.0F;
    f[21] = event.log_total;
    f[22] = static_cast<float>(event.num_hits) / 10.0F;
    f[23] = 1.0F;
    return {static_cast<float>(px), static_cast<float>(py)};
}

/// (dx, dy, d, logarithm of the ratio of energies) to f[0 .. 3].
CALOFUSE_HD inline void write_hit_edge(
    float dx, float dy, float log_source, float log_target, float* f)
{
    f[0] = dx;
    f[1] = dy;
    f[2] = std::sqrt(rounded_square(dx) + rounded_square(dy));
    f[3] = log_source - log_target;
}
}  // namespace calofuse
