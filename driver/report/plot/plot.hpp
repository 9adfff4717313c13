/// \file driver/report/plot/plot.hpp
/// One plot with axes: lines, step histograms, bands, markers with error bars, guide lines, and a
/// legend where it hides least. Values that are not finite leave a gap.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "driver/report/plot/svg.hpp"
#include "driver/report/plot/ticks.hpp"

namespace calofuse {
/// Colour of a series; the same meaning in every plot.
enum class Ink : std::uint8_t { signal, background, training, validation, accent, neutral };

struct Axis {
    std::string label;  ///< with its unit
    Scale scale = Scale::linear;
    std::optional<double> min = {}, max = {};  ///< absent: from the data
    bool whole = false;                        ///< ticks at whole numbers only
};

class Plot {
  public:
    Plot(std::string title, Axis x, Axis y, double width = 480, double height = 340);

    /// x and y of equal length; points closer than half a pixel to the one before are left out.
    void line(std::vector<double> x, std::vector<double> y, Ink ink, std::string label);
    void dashed_line(std::vector<double> x, std::vector<double> y, Ink ink, std::string label);
    /// Area between `low` and `high`.
    void band(std::vector<double> x, std::vector<double> low, std::vector<double> high, Ink ink);
    /// Histogram: edges has one more entry than heights; lightly filled.
    void steps(std::vector<double> edges, std::vector<double> heights, Ink ink, std::string label);
    /// Markers with vertical error bars from low to high (both empty: none).
    void markers(std::vector<double> x,
                 std::vector<double> y,
                 std::vector<double> low,
                 std::vector<double> high,
                 Ink ink,
                 std::string label);
    /// Guide lines across the plot, with a short note beside them.
    void vertical_guide(double x, std::string note);
    void horizontal_guide(double y, std::string note);
    /// From corner to corner of the unit square: chance in a ROC plot, perfection in calibration.
    void diagonal();

    /// The picture; the same calls give the same bytes.
    Svg draw() const;

  private:
    enum class Kind : std::uint8_t { line, dashed, band, steps, markers };
    struct Series {
        Kind kind;
        Ink ink;
        std::vector<double> x, y, high;  ///< y = lower side of a band; high = its upper side
        std::vector<double> low;         ///< of error bars
        std::string label;
    };
    struct Guide {
        bool vertical;
        double at;
        std::string note;
    };
    struct Frame;

    void add(Series series);
    Frame frame() const;
    void draw_axes(Svg& svg, Frame const& f) const;
    void draw_series(Svg& svg, Frame const& f, Series const& s) const;
    void draw_steps(Svg& svg, Frame const& f, Series const& s) const;
    void draw_guides(Svg& svg, Frame const& f) const;
    void draw_legend(Svg& svg, Frame const& f) const;

    std::string title_;
    Axis x_, y_;
    double width_, height_;
    std::vector<Series> series_;
    std::vector<Guide> guides_;
    bool diagonal_ = false;
};
}  // namespace calofuse
