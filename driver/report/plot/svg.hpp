/// \file driver/report/plot/svg.hpp
/// Writes SVG 1.1: shapes with CSS classes, so that one style sheet serves light, dark and paper.
/// Numbers have at most two decimals and never depend on the locale: the same calls give the same
/// bytes. `plot_css()` styles the classes; a document of its own carries it, a page includes it once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace calofuse {
/// In user units (pixels at 100 %), x to the right, y down.
struct Point {
    double x = 0, y = 0;
};

/// Text for XML and HTML: & < > " ' escaped, bytes that XML forbids or that are no UTF-8 replaced.
std::string xml_escaped(std::string_view text);

/// "12.5", "-0.25", "3": rounded to hundredths. The value must be finite.
std::string svg_number(double value);

/// Width of a line of sans-serif text, estimated by letter class and on the large side.
double text_width(std::string_view text, double font_size);

enum class Anchor : std::uint8_t { start, middle, end };

/// One picture. `css` is a list of class names of plot_css(), e.g. "ln e".
class Svg {
  public:
    /// `title` is what a screen reader says.
    Svg(double width, double height, std::string_view title);

    void line(Point a, Point b, std::string_view css);
    void polyline(std::span<Point const> points, std::string_view css);
    void polygon(std::span<Point const> points, std::string_view css);
    void rect(Point top_left, double width, double height, std::string_view css);
    /// A rectangle of one colour "#rrggbb" (empty: class "empty"); the text shows under the mouse.
    void cell(Point top_left,
              double width,
              double height,
              std::string_view colour,
              std::string_view tooltip = {});
    void circle(Point centre, double radius, std::string_view css, std::string_view tooltip = {});
    void text(Point at, std::string_view text, std::string_view css, Anchor anchor = Anchor::start);
    /// Reads from bottom to top, centred at `at`.
    void vertical_text(Point at, std::string_view text, std::string_view css);

    /// Until `end_clip` coordinates count from `top_left`, and what lies outside is cut off.
    void begin_clip(Point top_left, double width, double height);
    void end_clip();

    /// Another picture as a part of this one.
    void picture(Point top_left, Svg const& other);

    double width() const { return width_; }
    double height() const { return height_; }

    /// `<svg>...</svg>` for an HTML page that includes plot_css().
    std::string element() const;
    /// A file of its own.
    std::string document() const;

  private:
    std::string opening(std::string_view more) const;

    double width_, height_;
    std::string title_;
    std::string body_;
};

/// Classes: tt title, tx tick label, al axis label, nt note; ax axis, gr grid, fr frame, gd guide
/// line; ln line, ds dashed, bd band, fl filled area, pt marker, er error bar; ho hit outline, hm
/// hit mark, ed edge of a graph with w0 (faint) .. w4 (strong); and the inks
/// e signal, h background, t training, v validation, a accent, n neutral (Okabe-Ito hues, lighter on
/// dark ground). Everything sits under `svg.cf`.
std::string_view plot_css();
}  // namespace calofuse
