#include "driver/report/plot/svg.hpp"

#include <cmath>
#include <fmt/format.h>

#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

/// Length of the UTF-8 sequence that starts at `i`, 0 if it is malformed or not allowed in XML.
std::size_t utf8_length(std::string_view s, std::size_t i)
{
    auto const byte = [&](std::size_t k) {
        return static_cast<unsigned char>(s[k]);
    };
    unsigned const first = byte(i);
    if (first < 0x80) return first >= 0x20 || first == '\n' || first == '\t' ? 1 : 0;
    std::size_t const length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || i + length > s.size()) return 0;
    unsigned code = first & (0x7FU >> length);
    for (std::size_t k = 1; k < length; ++k) {
        if ((byte(i + k) & 0xC0U) != 0x80U) return 0;
        code = code << 6U | (byte(i + k) & 0x3FU);
    }
    bool const overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    bool const forbidden =
        (code >= 0xD800 && code < 0xE000) || code > 0x10FFFF || code == 0xFFFE || code == 0xFFFF;
    return overlong || forbidden ? 0 : length;
}

std::string coordinates(std::span<Point const> points)
{
    std::string out;
    for (Point const& p : points)
        out += (out.empty() ? "" : " ") + svg_number(p.x) + "," + svg_number(p.y);
    return out;
}

std::string title_element(std::string_view text)
{
    return text.empty() ? "" : "<title>" + xml_escaped(text) + "</title>";
}
}  // namespace

std::string xml_escaped(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        std::size_t const length = utf8_length(text, i);
        if (length == 0) {
            out += kReplacement;
            ++i;
            continue;
        }
        switch (text[i]) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += text.substr(i, length);
        }
        i += length;
    }
    return out;
}

std::string svg_number(double value)
{
    CALOFUSE_CHECK(std::isfinite(value) && std::abs(value) < 1e9, "coordinate " << value);
    auto const hundredths = std::llround(value * 100);
    std::string out = fmt::format("{}{}", hundredths < 0 ? "-" : "", std::abs(hundredths) / 100);
    auto const rest = std::abs(hundredths) % 100;
    if (rest != 0)
        out += rest % 10 == 0 ? fmt::format(".{}", rest / 10) : fmt::format(".{:02}", rest);
    return out;
}

double text_width(std::string_view text, double font_size)
{
    double units = 0;
    for (char const c : text) {
        auto const byte = static_cast<unsigned char>(c);
        if ((byte & 0xC0U) == 0x80U) continue;  // continuation of a UTF-8 letter
        if (byte >= 0x80)
            units += 0.62;
        else if (std::string_view("ijlt.,:;'|!()[] ").find(c) != std::string_view::npos)
            units += 0.36;
        else if (std::string_view("mwMW@%").find(c) != std::string_view::npos)
            units += 0.92;
        else
            units += byte >= 'A' && byte <= 'Z' ? 0.70 : 0.62;
    }
    return units * font_size;
}

Svg::Svg(double width, double height, std::string_view title)
    : width_(width), height_(height), title_(title)
{}

void Svg::line(Point a, Point b, std::string_view css)
{
    body_ += fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" class=\"{}\"/>\n",
                         svg_number(a.x), svg_number(a.y), svg_number(b.x), svg_number(b.y), css);
}

void Svg::polyline(std::span<Point const> points, std::string_view css)
{
    body_ += fmt::format("<polyline points=\"{}\" class=\"{}\"/>\n", coordinates(points), css);
}

void Svg::polygon(std::span<Point const> points, std::string_view css)
{
    body_ += fmt::format("<polygon points=\"{}\" class=\"{}\"/>\n", coordinates(points), css);
}

void Svg::rect(Point top_left, double width, double height, std::string_view css)
{
    body_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" class=\"{}\"/>\n",
                         svg_number(top_left.x), svg_number(top_left.y), svg_number(width),
                         svg_number(height), css);
}

void Svg::cell(
    Point top_left, double width, double height, std::string_view colour, std::string_view tooltip)
{
    std::string const paint =
        colour.empty() ? "class=\"empty\"" : fmt::format("fill=\"{}\"", colour);
    std::string const shape =
        fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" {}", svg_number(top_left.x),
                    svg_number(top_left.y), svg_number(width), svg_number(height), paint);
    body_ += tooltip.empty() ? shape + "/>\n" : shape + ">" + title_element(tooltip) + "</rect>\n";
}

void Svg::circle(Point centre, double radius, std::string_view css, std::string_view tooltip)
{
    std::string const shape =
        fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"{}\" class=\"{}\"", svg_number(centre.x),
                    svg_number(centre.y), svg_number(radius), css);
    body_ +=
        tooltip.empty() ? shape + "/>\n" : shape + ">" + title_element(tooltip) + "</circle>\n";
}

void Svg::text(Point at, std::string_view text, std::string_view css, Anchor anchor)
{
    constexpr char const* kAnchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
    body_ +=
        fmt::format("<text x=\"{}\" y=\"{}\" class=\"{}\"{}>{}</text>\n", svg_number(at.x),
                    svg_number(at.y), css, kAnchors[static_cast<int>(anchor)], xml_escaped(text));
}

void Svg::vertical_text(Point at, std::string_view text, std::string_view css)
{
    body_ += fmt::format(
        "<text transform=\"translate({} {}) rotate(-90)\" class=\"{}\" text-anchor=\"middle\">{}"
        "</text>\n",
        svg_number(at.x), svg_number(at.y), css, xml_escaped(text));
}

void Svg::begin_clip(Point top_left, double width, double height)
{
    // An inner <svg> cuts off what leaves it, without an id that could clash within a page.
    body_ += fmt::format("<svg x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" overflow=\"hidden\">\n",
                         svg_number(top_left.x), svg_number(top_left.y), svg_number(width),
                         svg_number(height));
}

void Svg::end_clip()
{
    body_ += "</svg>\n";
}

void Svg::picture(Point top_left, Svg const& other)
{
    begin_clip(top_left, other.width_, other.height_);
    body_ += other.body_;
    end_clip();
}

std::string Svg::opening(std::string_view more) const
{
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"cf\" viewBox=\"0 0 {} {}\" "
        "role=\"img\" aria-label=\"{}\"{}>\n",
        svg_number(width_), svg_number(height_), xml_escaped(title_), more);
}

std::string Svg::element() const
{
    return opening("") + body_ + "</svg>\n";
}

std::string Svg::document() const
{
    std::string const size =
        fmt::format(" width=\"{}\" height=\"{}\"", svg_number(width_), svg_number(height_));
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + opening(size) + "<style>\n"
           + std::string(plot_css()) + "</style>\n"
           + fmt::format("<rect x=\"0\" y=\"0\" width=\"{}\" height=\"{}\" class=\"page\"/>\n",
                         svg_number(width_), svg_number(height_))
           + body_ + "</svg>\n";
}

std::string_view plot_css()
{
    // Plain rules without variables: programs other than browsers read them too.
    return R"css(svg.cf text{font-family:"Inter","Segoe UI","Helvetica Neue",Arial,"DejaVu Sans",sans-serif;font-size:12px;fill:#333}
svg.cf .tt{font-size:13.5px;font-weight:600;fill:#1a1a1a}
svg.cf .tx{font-size:11.5px;fill:#555}
svg.cf .al{font-size:12px;fill:#333}
svg.cf .nt{font-size:11px;fill:#555}
svg.cf .page{fill:#fff}
svg.cf .key{fill:#fff;fill-opacity:.85}
svg.cf .empty{fill:#e4e4e8}
svg.cf .ax{stroke:#666;stroke-width:1;fill:none}
svg.cf .fr{stroke:#9a9aa2;stroke-width:1;fill:none}
svg.cf .md{stroke:#fff;stroke-width:1.6;fill:none}
svg.cf .ho{stroke:#ff3d9a;stroke-width:1.5;fill:none;stroke-linecap:square}
svg.cf .hm{fill:#fff;stroke:#c4005f;stroke-width:.9}
svg.cf .ed{stroke:#ff3d9a;fill:none}
svg.cf .w0{stroke-width:.6;stroke-opacity:.25}
svg.cf .w1{stroke-width:.9;stroke-opacity:.45}
svg.cf .w2{stroke-width:1.2;stroke-opacity:.65}
svg.cf .w3{stroke-width:1.8;stroke-opacity:.85}
svg.cf .w4{stroke-width:2.6;stroke-opacity:1}
svg.cf .gr{stroke:#e7e7ec;stroke-width:1}
svg.cf .gd{stroke:#8a8a92;stroke-width:1;stroke-dasharray:3 3;fill:none}
svg.cf .e{color:#0072b2}
svg.cf .h{color:#d55e00}
svg.cf .t{color:#009e73}
svg.cf .v{color:#b5477f}
svg.cf .a{color:#5b3fa8}
svg.cf .n{color:#555}
svg.cf .ln{stroke:currentColor;stroke-width:2;fill:none;stroke-linejoin:round;stroke-linecap:round}
svg.cf .ds{stroke-dasharray:6 4}
svg.cf .er{stroke:currentColor;stroke-width:1.4;fill:none}
svg.cf .bd{fill:currentColor;fill-opacity:.2;stroke:none}
svg.cf .fl{fill:currentColor;fill-opacity:.12;stroke:none}
svg.cf .pt{fill:currentColor;stroke:none}
@media screen and (prefers-color-scheme:dark){
svg.cf text,svg.cf .al{fill:#d4d4da}
svg.cf .tt{fill:#f2f2f5}
svg.cf .tx,svg.cf .nt{fill:#a9a9b3}
svg.cf .page{fill:#1b1c20}
svg.cf .key{fill:#1b1c20}
svg.cf .empty{fill:#3a3b42}
svg.cf .ax,svg.cf .fr{stroke:#80808a}
svg.cf .md{stroke:#1b1c20}
svg.cf .gr{stroke:#303138}
svg.cf .gd{stroke:#8a8a94}
svg.cf .e{color:#56b4e9}
svg.cf .h{color:#f58a3c}
svg.cf .t{color:#2fc79a}
svg.cf .v{color:#e38cba}
svg.cf .a{color:#b9a2f2}
svg.cf .n{color:#b0b0b8}
}
)css";
}
}  // namespace calofuse
