#include "driver/report/plot/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr double kTop = 30, kRight = 16, kBottom = 46;

std::string css(Ink ink, std::string_view shape)
{
    constexpr char const* kNames[] = {"e", "h", "t", "v", "a", "n"};
    return std::string(shape) + " " + kNames[static_cast<int>(ink)];
}

/// Position of a value along its axis: 0 at min, 1 at max.
struct Range {
    double min = 0, max = 1;
    Scale scale = Scale::linear;

    bool shows(double v) const { return std::isfinite(v) && (scale == Scale::linear || v > 0); }
    double along(double v) const
    {
        return scale == Scale::linear ? (v - min) / (max - min)
                                      : std::log(v / min) / std::log(max / min);
    }
};

/// From the axis where it says so, else from the data with a little air around.
Range range_of(Axis const& axis, std::vector<double> const& values)
{
    Range r{.scale = axis.scale};
    double low = INFINITY, high = -INFINITY;
    for (double const v : values)
        if (r.shows(v)) {
            low = std::min(low, v);
            high = std::max(high, v);
        }
    bool const log = axis.scale == Scale::log;
    if (!(low <= high)) low = high = log ? 1 : 0.5;
    double const air = log ? 0 : 0.06 * (axis.max.value_or(high) - axis.min.value_or(low));
    r.min = axis.min.value_or(log ? low / 1.3 : low - air);
    r.max = axis.max.value_or(log ? high * 1.5 : high + air);
    if (!(r.min < r.max)) {
        double const half = log ? 0 : std::max(0.5, 0.1 * std::abs(r.max));
        r.min = axis.min.value_or(log ? r.max / 10 : r.max - half);
        r.max = log ? r.min * 100 : r.min + 2 * half;
    }
    return r;
}
}  // namespace

/// Plot area in picture coordinates, and the map of values into it.
struct Plot::Frame {
    double left = 60, top = kTop, width = 100, height = 100;
    Range x, y;
    std::vector<Tick> x_ticks, y_ticks;

    /// Within the plot area. Values below a logarithmic axis lie on its lower end.
    Point at(double vx, double vy) const
    {
        auto const limited = [](double a) {
            return std::clamp(a, -2.0, 3.0);
        };
        double const ax = x.shows(vx) ? limited(x.along(vx)) : 0;
        double const ay = y.shows(vy) ? limited(y.along(vy)) : 0;
        return {ax * width, (1 - ay) * height};
    }
    bool shows(double vx, double vy) const { return x.shows(vx) && y.shows(vy); }
};

Plot::Plot(std::string title, Axis x, Axis y, double width, double height)
    : title_(std::move(title)), x_(std::move(x)), y_(std::move(y)), width_(width), height_(height)
{}

void Plot::add(Series series)
{
    std::size_t const n = series.x.size();
    CALOFUSE_CHECK(series.y.size() + (series.kind == Kind::steps ? 1 : 0) == n,
                   series.y.size() << " values at " << n << " places in " << title_);
    CALOFUSE_CHECK(series.kind != Kind::band || series.high.size() == n, "band without a side");
    CALOFUSE_CHECK(series.kind != Kind::markers || series.low.size() == series.high.size(),
                   "error bars without an end");
    series_.push_back(std::move(series));
}

void Plot::line(std::vector<double> x, std::vector<double> y, Ink ink, std::string label)
{
    add({Kind::line, ink, std::move(x), std::move(y), {}, {}, std::move(label)});
}

void Plot::dashed_line(std::vector<double> x, std::vector<double> y, Ink ink, std::string label)
{
    add({Kind::dashed, ink, std::move(x), std::move(y), {}, {}, std::move(label)});
}

void Plot::band(std::vector<double> x, std::vector<double> low, std::vector<double> high, Ink ink)
{
    add({Kind::band, ink, std::move(x), std::move(low), std::move(high), {}, {}});
}

void Plot::steps(std::vector<double> edges, std::vector<double> heights, Ink ink, std::string label)
{
    add({Kind::steps, ink, std::move(edges), std::move(heights), {}, {}, std::move(label)});
}

void Plot::markers(std::vector<double> x,
                   std::vector<double> y,
                   std::vector<double> low,
                   std::vector<double> high,
                   Ink ink,
                   std::string label)
{
    add({Kind::markers, ink, std::move(x), std::move(y), std::move(high), std::move(low),
         std::move(label)});
}

void Plot::vertical_guide(double x, std::string note)
{
    guides_.push_back({true, x, std::move(note)});
}

void Plot::horizontal_guide(double y, std::string note)
{
    guides_.push_back({false, y, std::move(note)});
}

void Plot::diagonal()
{
    diagonal_ = true;
}

Plot::Frame Plot::frame() const
{
    std::vector<double> xs, ys;
    for (Series const& s : series_) {
        xs.insert(xs.end(), s.x.begin(), s.x.end());
        for (auto const* column : {&s.y, &s.high, &s.low})
            ys.insert(ys.end(), column->begin(), column->end());
    }
    Frame f;
    f.x = range_of(x_, xs);
    f.y = range_of(y_, ys);
    f.height = height_ - kTop - kBottom;
    f.y_ticks = ticks(y_.scale, {.min = f.y.min,
                                 .max = f.y.max,
                                 .length = f.height,
                                 .horizontal = false,
                                 .whole = y_.whole});
    double widest = 20;
    for (Tick const& tick : f.y_ticks)
        widest = std::max(widest, text_width(tick.label, 11.5));
    f.left = widest + 32;
    f.width = width_ - f.left - kRight;
    f.x_ticks =
        ticks(x_.scale, {.min = f.x.min, .max = f.x.max, .length = f.width, .whole = x_.whole});
    return f;
}

void Plot::draw_axes(Svg& svg, Frame const& f) const
{
    for (Tick const& tick : f.x_ticks) {
        double const x = f.left + f.x.along(tick.value) * f.width;
        double const bottom = f.top + f.height;
        if (tick.label.empty()) {
            svg.line({x, bottom}, {x, bottom - 4}, "ax");
            continue;
        }
        svg.line({x, f.top}, {x, bottom}, "gr");
        svg.line({x, bottom}, {x, bottom + 4}, "ax");
        svg.text({x, bottom + 17}, tick.label, "tx", Anchor::middle);
    }
    for (Tick const& tick : f.y_ticks) {
        double const y = f.top + (1 - f.y.along(tick.value)) * f.height;
        if (tick.label.empty()) {
            svg.line({f.left, y}, {f.left + 4, y}, "ax");
            continue;
        }
        svg.line({f.left, y}, {f.left + f.width, y}, "gr");
        svg.line({f.left - 4, y}, {f.left, y}, "ax");
        svg.text({f.left - 7, y + 4}, tick.label, "tx", Anchor::end);
    }
    svg.rect({f.left, f.top}, f.width, f.height, "fr");
    svg.text({f.left, 18}, title_, "tt");
    svg.text({f.left + f.width, f.top + f.height + 37}, x_.label, "al", Anchor::end);
    svg.vertical_text({14, f.top + f.height / 2}, y_.label, "al");
}

void Plot::draw_steps(Svg& svg, Frame const& f, Series const& s) const
{
    std::vector<Point> outline;
    double const floor = f.height;
    for (std::size_t i = 0; i < s.y.size(); ++i) {
        double const y = std::isfinite(s.y[i]) ? std::min(f.at(s.x[i], s.y[i]).y, floor) : floor;
        outline.push_back({f.at(s.x[i], 0).x, y});
        outline.push_back({f.at(s.x[i + 1], 0).x, y});
    }
    if (outline.empty()) return;
    std::vector<Point> area = outline;
    area.insert(area.begin(), {outline.front().x, floor});
    area.push_back({outline.back().x, floor});
    svg.polygon(area, css(s.ink, "fl"));
    svg.polyline(outline, css(s.ink, "ln"));
}

void Plot::draw_series(Svg& svg, Frame const& f, Series const& s) const
{
    if (s.kind == Kind::steps) return draw_steps(svg, f, s);
    if (s.kind == Kind::markers) {
        for (std::size_t i = 0; i < s.x.size(); ++i) {
            if (!f.shows(s.x[i], s.y[i])) continue;
            if (!s.low.empty() && std::isfinite(s.low[i] + s.high[i]))
                svg.line(f.at(s.x[i], s.low[i]), f.at(s.x[i], s.high[i]), css(s.ink, "er"));
            svg.circle(f.at(s.x[i], s.y[i]), 3.2, css(s.ink, "pt"));
        }
        return;
    }
    // Runs of shown points; a run of one becomes a dot, since a line of one point shows nothing.
    std::vector<Point> run, upper;
    auto const flush = [&] {
        if (s.kind == Kind::band) {
            run.insert(run.end(), upper.rbegin(), upper.rend());
            if (run.size() >= 4) svg.polygon(run, css(s.ink, "bd"));
        } else if (run.size() == 1) {
            svg.circle(run[0], 3.2, css(s.ink, "pt"));
        } else if (run.size() > 1) {
            svg.polyline(run, css(s.ink, s.kind == Kind::dashed ? "ln ds" : "ln"));
        }
        run.clear();
        upper.clear();
    };
    for (std::size_t i = 0; i < s.x.size(); ++i) {
        bool const band = s.kind == Kind::band;
        if (!f.shows(s.x[i], s.y[i]) || (band && !f.shows(s.x[i], s.high[i]))) {
            flush();
            continue;
        }
        Point const p = f.at(s.x[i], s.y[i]);
        bool const last = i + 1 == s.x.size();
        if (!run.empty() && !last && !band
            && std::hypot(p.x - run.back().x, p.y - run.back().y) < 0.5)
            continue;
        run.push_back(p);
        if (band) upper.push_back(f.at(s.x[i], s.high[i]));
    }
    flush();
}

void Plot::draw_guides(Svg& svg, Frame const& f) const
{
    if (diagonal_) {
        // A curve, not a line, where an axis is logarithmic.
        std::vector<Point> points;
        for (int i = 0; i <= 100; ++i)
            points.push_back(f.at(i / 100.0, i / 100.0));
        svg.polyline(points, "gd");
    }
    for (Guide const& g : guides_) {
        if (!(g.vertical ? f.x : f.y).shows(g.at)) continue;
        double const along = (g.vertical ? f.x : f.y).along(g.at);
        if (!(along >= 0 && along <= 1)) continue;
        if (g.vertical) {
            double const x = along * f.width;
            svg.line({x, 0}, {x, f.height}, "gd");
        } else {
            double const y = (1 - along) * f.height;
            svg.line({0, y}, {f.width, y}, "gd");
            svg.text({f.width - 6, y < 16 ? y + 14 : y - 5}, g.note, "nt", Anchor::end);
        }
    }
}

void Plot::draw_legend(Svg& svg, Frame const& f) const
{
    std::vector<Series const*> entries;
    double width = 0;
    for (Series const& s : series_)
        if (!s.label.empty()) {
            entries.push_back(&s);
            width = std::max(width, text_width(s.label, 12) + 40);
        }
    if (entries.empty()) return;
    double const height = 18.0 * static_cast<double>(entries.size()) + 8;
    double const pad = 8;
    // Corners, then middles of the sides: the place whose box holds the fewest drawn points, taken
    // every 2 pixels along each series.
    double const right = f.width - width - pad, bottom = f.height - height - pad - 12;
    double const centre = (f.width - width) / 2, middle = (f.height - height) / 2;
    std::array<Point, 8> const places = {
        Point{right, pad},    Point{pad, pad},    Point{right, bottom}, Point{pad, bottom},
        Point{right, middle}, Point{pad, middle}, Point{centre, pad},   Point{centre, bottom}};
    std::array<int, 8> hidden{};
    auto const count = [&](Point p) {
        for (std::size_t c = 0; c < places.size(); ++c)
            if (p.x > places[c].x - 6 && p.x < places[c].x + width + 6 && p.y > places[c].y - 6
                && p.y < places[c].y + height + 6)
                ++hidden[c];
    };
    for (Series const& s : series_)
        for (auto const* column : {&s.y, &s.high, &s.low})
            for (std::size_t i = 0; i < column->size(); ++i) {
                if (!f.shows(s.x[i], (*column)[i])) continue;
                Point const a = f.at(s.x[i], (*column)[i]);
                bool const joined = i + 1 < column->size() && f.shows(s.x[i + 1], (*column)[i + 1]);
                Point const b = joined ? f.at(s.x[i + 1], (*column)[i + 1]) : a;
                int const parts = 1 + static_cast<int>(std::hypot(b.x - a.x, b.y - a.y) / 2);
                for (int k = 0; k < parts; ++k)
                    count({a.x + (b.x - a.x) * k / parts, a.y + (b.y - a.y) * k / parts});
            }
    auto const best = std::min_element(hidden.begin(), hidden.end()) - hidden.begin();
    Point const at = places[static_cast<std::size_t>(best)];
    svg.rect(at, width, height, "key");
    for (std::size_t i = 0; i < entries.size(); ++i) {
        double const y = at.y + 13 + 18.0 * static_cast<double>(i);
        Series const& s = *entries[i];
        if (s.kind == Kind::markers)
            svg.circle({at.x + 17, y}, 3.6, css(s.ink, "pt"));
        else
            svg.line({at.x + 6, y}, {at.x + 28, y},
                     css(s.ink, s.kind == Kind::dashed ? "ln ds" : "ln"));
        svg.text({at.x + 34, y + 4}, s.label, "al");
    }
}

Svg Plot::draw() const
{
    Frame const f = frame();
    Svg svg(width_, height_, title_);
    draw_axes(svg, f);
    for (Guide const& g : guides_) {
        // Above the frame, where no curve can be, right of the title.
        double const along = g.vertical && f.x.shows(g.at) ? f.x.along(g.at) : -1;
        double const half = text_width(g.note, 11) / 2;
        double const lowest = text_width(title_, 13.5) + 12 + half;
        if (along >= 0 && along <= 1)
            svg.text({f.left + std::max(std::min(along * f.width, f.width - half), lowest), 24},
                     g.note, "nt", Anchor::middle);
    }
    svg.begin_clip({f.left, f.top}, f.width, f.height);
    for (Series const& s : series_)
        if (s.kind == Kind::band) draw_series(svg, f, s);
    draw_guides(svg, f);
    for (Series const& s : series_)
        if (s.kind != Kind::band) draw_series(svg, f, s);
    draw_legend(svg, f);
    svg.end_clip();
    return svg;
}
}  // namespace calofuse
