#include "driver/focalh/cell_image.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <map>

#include "driver/report/plot/ticks.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr std::array<std::array<int, 3>, 10> kAnchorColours = {{{0x44, 0x01, 0x54},
                                                                {0x48, 0x28, 0x78},
                                                                {0x3e, 0x49, 0x89},
                                                                {0x31, 0x68, 0x8e},
                                                                {0x26, 0x82, 0x8e},
                                                                {0x1f, 0x9e, 0x89},
                                                                {0x35, 0xb7, 0x79},
                                                                {0x6e, 0xce, 0x58},
                                                                {0xb5, 0xde, 0x2b},
                                                                {0xfd, 0xe7, 0x25}}};
constexpr double kDetectorSideCm = 3 * kModuleSideCm;
constexpr double kCaptionLine = 15, kGap = 18, kMargin = 10, kBarSpace = 74;
}  // namespace

std::string colour_at(double fraction)
{
    double const at = std::clamp(fraction, 0.0, 1.0) * (kAnchorColours.size() - 1);
    auto const i = std::min(static_cast<std::size_t>(at), kAnchorColours.size() - 2);
    double const part = at - static_cast<double>(i);
    std::string out = "#";
    for (std::size_t c = 0; c < 3; ++c) {
        double const a = kAnchorColours[i][c];
        double const b = kAnchorColours[i + 1][c];
        out += fmt::format("{:02x}", static_cast<int>(std::lround(a + (b - a) * part)));
    }
    return out;
}

std::string ChargeScale::colour(double charge) const
{
    if (!(charge >= low)) return "";
    return colour_at(std::log(charge / low) / std::log(high / low));
}

ChargeScale charge_scale(std::span<double const> charges, double low)
{
    ChargeScale scale{.low = low};
    double const largest = charges.empty() ? 0 : *std::max_element(charges.begin(), charges.end());
    scale.high = 100;
    for (double decade = 100; scale.high < largest && decade < 1e6; decade *= 10)
        for (int const factor : {1, 2, 5, 10})
            if (scale.high < largest) scale.high = decade * factor;
    return scale;
}

void draw_cells(Svg& svg,
                Point top_left,
                double side,
                ChannelMap const& map,
                std::span<double const> charges,
                ChargeScale const& scale)
{
    CALOFUSE_CHECK(charges.size() == kNumCells, charges.size() << " charges");
    double const pixels_per_cm = side / kDetectorSideCm;
    for (std::size_t i = 0; i < charges.size(); ++i) {
        Cell const& cell = map.cells[i];
        double const pitch = kModuleSideCm / module_side(cell.module);
        Point const corner = {
            top_left.x + (cell.x_cm - pitch / 2 + kDetectorSideCm / 2) * pixels_per_cm,
            top_left.y + (kDetectorSideCm / 2 - cell.y_cm - pitch / 2) * pixels_per_cm};
        // A hair of the ground shows between the cells.
        double const size = pitch * pixels_per_cm - 0.6;
        svg.cell(corner, size, size, scale.colour(charges[i]),
                 fmt::format("{:.0f} ADC, module {} row {} col {}, channel {}", charges[i],
                             cell.module, cell.row, cell.col, cell.channel));
    }
    for (int k = 1; k < 3; ++k) {
        double const at = k * side / 3 - 0.3;
        svg.line({top_left.x + at, top_left.y}, {top_left.x + at, top_left.y + side}, "md");
        svg.line({top_left.x, top_left.y + at}, {top_left.x + side, top_left.y + at}, "md");
    }
}

namespace {
/// Centimetres from the middle of the detector, y up, to pixels.
struct Face {
    Point top_left;
    double side;
    Point at(double x_cm, double y_cm) const
    {
        double const scale = side / kDetectorSideCm;
        return {top_left.x + (x_cm + kDetectorSideCm / 2) * scale,
                top_left.y + (kDetectorSideCm / 2 - y_cm) * scale};
    }
};

/// Hit of the cell that contains a point; -1 outside of all hits.
std::int32_t label_at(ChannelMap const& map, HitOverlay const& hits, double x_cm, double y_cm)
{
    for (std::size_t i = 0; i < kNumCells; ++i) {
        Cell const& cell = map.cells[i];
        double const half = kModuleSideCm / module_side(cell.module) / 2;
        if (std::abs(cell.x_cm - x_cm) <= half && std::abs(cell.y_cm - y_cm) <= half)
            return hits.label[i];
    }
    return -1;
}

void draw_outlines(Svg& svg, Face const& face, ChannelMap const& map, HitOverlay const& hits)
{
    constexpr double kBeyond = 0.05;  // cm
    for (std::size_t i = 0; i < kNumCells; ++i) {
        if (hits.label[i] < 0) continue;
        Cell const& c = map.cells[i];
        double const h = kModuleSideCm / module_side(c.module) / 2;
        for (auto const& [dx, dy] : {std::pair{1, 0}, {-1, 0}, {0, 1}, {0, -1}}) {
            double const x = c.x_cm + dx * h, y = c.y_cm + dy * h;
            if (label_at(map, hits, x + dx * kBeyond, y + dy * kBeyond) != hits.label[i])
                svg.line(face.at(x - dy * h, y - dx * h), face.at(x + dy * h, y + dx * h), "ho");
        }
    }
}
}  // namespace

void draw_hits(Svg& svg, Point top_left, double side, ChannelMap const& map, HitOverlay const& hits)
{
    CALOFUSE_CHECK(hits.label.size() == kNumCells && hits.energy.size() == hits.position.size(),
                   hits.label.size() << " labels, " << hits.position.size() << " hits, energies of "
                                     << hits.energy.size());
    Face const face{top_left, side};
    auto const cells = std::count_if(hits.label.begin(), hits.label.end(),
                                     [](std::int32_t hit) { return hit >= 0; });
    bool const single_cells = cells == std::ssize(hits.position);  // their marks say it all
    if (!single_cells) draw_outlines(svg, face, map, hits);
    std::map<std::pair<std::int32_t, std::int32_t>, double> weights;
    for (HitOverlay::Edge const& edge : hits.edges) {
        double& weight = weights[std::minmax(edge.from, edge.to)];
        weight = std::max(weight, edge.weight);
    }
    constexpr int kLevels = 5;
    for (int level = 0; level < kLevels; ++level)  // the strong ones last, on top
        for (auto const& [ends, weight] : weights) {
            if (std::clamp(static_cast<int>(weight * kLevels), 0, kLevels - 1) != level) continue;
            Point const a = hits.position[static_cast<std::size_t>(ends.first)];
            Point const b = hits.position[static_cast<std::size_t>(ends.second)];
            svg.line(face.at(a.x, a.y), face.at(b.x, b.y), fmt::format("ed w{}", level));
        }
    double const radius = std::clamp(side / 200, 1.2, 2.6);
    for (std::size_t h = 0; h < hits.position.size(); ++h)
        svg.circle(face.at(hits.position[h].x, hits.position[h].y), radius, "hm",
                   fmt::format("hit {}, {:.0f} ADC", h, hits.energy[h]));
}

void draw_charge_bar(Svg& svg, Point top_left, double height, ChargeScale const& scale)
{
    constexpr int kSlices = 48;
    constexpr double kWidth = 12;
    for (int i = 0; i < kSlices; ++i) {
        double const y = top_left.y + height * i / kSlices;
        svg.cell({top_left.x, y}, kWidth, height / kSlices + 0.5,
                 colour_at(1 - (i + 0.5) / kSlices));
    }
    for (Tick const& tick :
         ticks(Scale::log,
               {.min = scale.low, .max = scale.high, .length = height, .horizontal = false})) {
        if (tick.label.empty()) continue;
        double const along = std::log(tick.value / scale.low) / std::log(scale.high / scale.low);
        double const y = top_left.y + (1 - along) * height;
        svg.line({top_left.x + kWidth, y}, {top_left.x + kWidth + 4, y}, "ax");
        svg.text({top_left.x + kWidth + 7, y + 4}, tick.label, "tx");
    }
    svg.vertical_text({top_left.x + kWidth + 50, top_left.y + height / 2}, "ADC above pedestal",
                      "al");
}

Svg draw_cell_images(std::string const& title,
                     std::span<CellImage const> images,
                     ChannelMap const& map,
                     int columns,
                     double side,
                     double low)
{
    CALOFUSE_CHECK(columns > 0, columns << " columns");
    std::vector<double> all;
    std::size_t lines = 0;
    for (CellImage const& image : images) {
        all.insert(all.end(), image.charges.begin(), image.charges.end());
        lines = std::max(lines, image.captions.size());
    }
    ChargeScale const scale = charge_scale(all, low);
    int const count = static_cast<int>(images.size());
    int const rows = std::max(1, (count + columns - 1) / columns);
    int const used = std::clamp(count, 1, columns);
    double const head = kCaptionLine * static_cast<double>(lines) + 6;
    double const width = 2 * kMargin + used * side + (used - 1) * kGap + kBarSpace;
    double const height = 2 * kMargin + rows * (side + head) + (rows - 1) * kGap;
    Svg svg(width, height, title);
    for (int i = 0; i < count; ++i) {
        CellImage const& image = images[static_cast<std::size_t>(i)];
        Point const corner = {kMargin + i % columns * (side + kGap),
                              kMargin + i / columns * (side + head + kGap)};
        for (std::size_t k = 0; k < image.captions.size(); ++k)
            svg.text({corner.x, corner.y + kCaptionLine * static_cast<double>(k) + 11},
                     image.captions[k], k == 0 ? "tt" : "nt");
        draw_cells(svg, {corner.x, corner.y + head}, side, map, image.charges, scale);
        if (!image.hits.label.empty())
            draw_hits(svg, {corner.x, corner.y + head}, side, map, image.hits);
    }
    double const bar = std::min(side, 260.0);
    draw_charge_bar(svg, {width - kMargin - kBarSpace + 14, kMargin + head}, bar, scale);
    return svg;
}
}  // namespace calofuse
