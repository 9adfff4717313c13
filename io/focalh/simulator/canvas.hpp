/// \file io/focalh/simulator/canvas.hpp
/// Visible energy of one event on two square grids: 15 x 15 cells of 1.3 cm over all nine modules
/// and 7 x 7 over the centre one.
///
/// A shower component spreads as rho(r) = R^2 / (pi (r^2 + R^2)^2) (form of Grindhammer and Peters,
/// hep-ex/0001020). Its integral over the rectangle between corners is exact:
///   F(u, v) = [u/a atan(v/a) + v/b atan(u/b)] / (2 pi),  a = sqrt(u^2 + R^2), b = sqrt(v^2 + R^2),
/// and corners are shared, so a component costs 2 (16^2 + 8^2) arctangents.
#pragma once

#include <array>

#include "runtime/focalh/channel_map.hpp"

namespace calofuse::simulator {
class Canvas {
  public:
    /// Energy `e` (GeV) around (x, y) with radius r (all cm).
    void add(double e, double x, double y, double r);
    /// All of `e` in the cell that holds (x, y); nothing outside the detector.
    void add_point(double e, double x, double y);
    /// this += weight * other
    void add_scaled(Canvas const& other, float weight);

    /// Cells in cell order, GeV, after each cell has exchanged the fraction `crosstalk` of the
    /// difference with its neighbours in the module.
    std::array<float, kNumCells> cells(float crosstalk) const;

  private:
    std::array<float, 15 * 15> outer_{};  ///< (15, 15) [row from the top, col]
    std::array<float, 7 * 7> centre_{};   ///< (7, 7)
};
}  // namespace calofuse::simulator
