/// \file driver/focalh/cell_image.hpp
/// The detector face as one sees it looking along x to the right and y up: 249 cells in their true
/// size and place, coloured by charge on a logarithmic scale, module borders on top.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "driver/report/plot/svg.hpp"
#include "runtime/focalh/channel_map.hpp"

namespace calofuse {
/// Perceptually even, readable for the colour-blind and in grey: dark violet (0) to yellow (1);
/// "#rrggbb". Linear between ten anchors of the viridis map.
std::string colour_at(double fraction);

/// Two times the noise of a cell; single events show nothing below it.
inline constexpr double kLowestCharge = 10;

/// Charge in ADC counts to colour: low (and what lies just below it) dark, high and above yellow.
struct ChargeScale {
    double low = kLowestCharge, high = 10000;

    /// Empty below `low`: such a cell is drawn as empty.
    std::string colour(double charge) const;
};

/// From `low` to the largest charge, rounded up to 1, 2 or 5 times 10^n.
ChargeScale charge_scale(std::span<double const> charges, double low = kLowestCharge);

/// Hits of an event and the graph between them, over its cells.
struct HitOverlay {
    struct Edge {
        std::int32_t from = 0, to = 0;
        double weight = 0.3;  ///< 0 faint .. 1 strong, e.g. attention over its largest value
    };
    std::vector<std::int32_t> label;  ///< (249) hit of each cell, -1 = none; empty: no overlay
    std::vector<Point> position;      ///< of each hit: cm from the middle, y up
    std::vector<double> energy;       ///< of each hit, ADC
    std::vector<Edge> edges;
};

/// One picture: charges (249) in cell order, lines of text above.
struct CellImage {
    std::vector<double> charges;
    std::vector<std::string> captions;  ///< the first one is set as a title
    HitOverlay hits = {};
};

/// Square of `side` pixels with its upper left corner at `top_left`.
void draw_cells(Svg& svg,
                Point top_left,
                double side,
                ChannelMap const& map,
                std::span<double const> charges,
                ChargeScale const& scale);

/// On cells drawn by `draw_cells` with the same place and side: an outline around the cells of each
/// hit (unless every hit is one cell), a mark at its position, a line for every edge (one for both directions, the stronger one).
void draw_hits(
    Svg& svg, Point top_left, double side, ChannelMap const& map, HitOverlay const& hits);

/// Upright bar with ticks and its label to the right of it (about 60 pixels wide in all).
void draw_charge_bar(Svg& svg, Point top_left, double height, ChargeScale const& scale);

/// Images side by side, `columns` in a row, with one common scale from `low` on, and one bar.
Svg draw_cell_images(std::string const& title,
                     std::span<CellImage const> images,
                     ChannelMap const& map,
                     int columns,
                     double side,
                     double low = kLowestCharge);
}  // namespace calofuse
