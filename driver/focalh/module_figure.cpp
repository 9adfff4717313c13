#include "driver/focalh/module_figure.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "driver/report/plot/plot.hpp"
#include "driver/report/plot/ticks.hpp"

namespace calofuse {
namespace {
constexpr double kPanelWidth = 220, kPanelHeight = 150, kGap = 14;
constexpr double kLeft = 62, kTop = 34, kBottom = 46, kRight = 12;
/// The mean over many events goes far below the noise of one cell, but no farther than this.
constexpr double kLowestMean = 1;

struct Range {
    double low, high;
    /// 0 at `low`, 1 at `high`, logarithmic.
    double at(double value) const
    {
        return std::log(std::clamp(value, low, high) / low) / std::log(high / low);
    }
};

Range charge_range(ModuleActivations const& charges)
{
    double low = 1e9, high = 10;
    for (auto const& [key, sums] : charges)
        for (double const mean : sums.mean()) {
            low = std::min(low, std::max(mean, kLowestMean));
            high = std::max(high, mean);
        }
    low = std::min(low, high / 10);
    return {std::pow(10, std::floor(std::log10(low))), high * 1.3};
}

double largest_energy(ModuleActivations const& charges)
{
    double out = 1;
    for (auto const& [key, sums] : charges)
        out = std::max(out, double{key.second});
    return out * 1.05;
}

char const* ink_of(Label label)
{
    return label == Label::electron ? "e" : label == Label::hadron ? "h" : "n";
}

void draw_axes(Svg& svg, Point corner, int module, Range const& range, double max_energy)
{
    svg.rect(corner, kPanelWidth, kPanelHeight, "fr");
    std::string const name =
        module == kCentreModule ? "module 4, centre" : fmt::format("module {}", module);
    svg.text({corner.x + kPanelWidth - 7, corner.y + kPanelHeight - 9}, name, "nt", Anchor::end);
    for (Tick const& tick : ticks(
             Scale::log,
             {.min = range.low, .max = range.high, .length = kPanelHeight, .horizontal = false})) {
        if (tick.label.empty()) continue;
        double const y = corner.y + kPanelHeight * (1 - range.at(tick.value));
        svg.line({corner.x, y}, {corner.x + kPanelWidth, y}, "gr");
        if (module % 3 == 0) svg.text({corner.x - 6, y + 4}, tick.label, "tx", Anchor::end);
    }
    if (module / 3 < 2) return;
    for (Tick const& tick :
         ticks(Scale::linear,
               {.min = 0, .max = max_energy, .length = kPanelWidth, .horizontal = true})) {
        if (tick.label.empty()) continue;
        double const x = corner.x + kPanelWidth * tick.value / max_energy;
        svg.line({x, corner.y + kPanelHeight}, {x, corner.y + kPanelHeight + 4}, "ax");
        svg.text({x, corner.y + kPanelHeight + 17}, tick.label, "tx", Anchor::middle);
    }
}
}  // namespace

Svg module_plot(ModuleActivations const& charges)
{
    Range const range = charge_range(charges);
    double const max_energy = largest_energy(charges);
    double const width = kLeft + 3 * kPanelWidth + 2 * kGap + kRight;
    double const height = kTop + 3 * kPanelHeight + 2 * kGap + kBottom;
    Svg svg(width, height, "Mean activation of each module by class and energy");
    double key_x = kLeft;
    for (Label const label : {Label::electron, Label::hadron, Label::unknown}) {
        bool const there = std::any_of(charges.begin(), charges.end(), [&](auto const& entry) {
            return entry.first.first == label;
        });
        if (!there) continue;
        svg.line({key_x, 16}, {key_x + 18, 16}, fmt::format("ln {}", ink_of(label)));
        svg.text({key_x + 24, 20},
                 label == Label::unknown ? "unknown" : fmt::format("{}s", name_of(label)), "al");
        key_x += 110;
    }
    for (int module = 0; module < kNumModules; ++module) {
        Point const corner = {kLeft + module % 3 * (kPanelWidth + kGap),
                              kTop + module / 3 * (kPanelHeight + kGap)};
        draw_axes(svg, corner, module, range, max_energy);
        for (Label const label : {Label::hadron, Label::electron, Label::unknown}) {
            std::vector<Point> points;
            for (auto const& [key, sums] : charges) {
                if (key.first != label) continue;
                double const mean = sums.mean()[static_cast<std::size_t>(module)];
                points.push_back({corner.x + kPanelWidth * key.second / max_energy,
                                  corner.y + kPanelHeight * (1 - range.at(mean))});
                svg.circle(
                    points.back(), 2.6, fmt::format("pt {}", ink_of(label)),
                    fmt::format("{} {:g} GeV: {:.0f} ADC", name_of(label), key.second, mean));
            }
            if (points.size() > 1) svg.polyline(points, fmt::format("ln {}", ink_of(label)));
        }
    }
    svg.vertical_text({16, kTop + 1.5 * kPanelHeight + kGap}, "mean activation / ADC", "al");
    svg.text({kLeft + 1.5 * kPanelWidth + kGap, height - 8}, "beam energy / GeV", "al",
             Anchor::middle);
    return svg;
}

Svg asymmetry_plot(ModuleActivations const& charges)
{
    Plot plot("How far showers lean to the right", {.label = "beam energy / GeV", .min = 0},
              {.label = "(right - left) / (right + left) in %"});
    for (Label const label : {Label::hadron, Label::electron, Label::unknown}) {
        std::vector<double> x, value, low, high;
        for (auto const& [key, sums] : charges) {
            if (key.first != label) continue;
            Asymmetry const a = sums.right_left();
            x.push_back(key.second);
            value.push_back(100 * a.value);
            low.push_back(100 * (a.value - a.error));
            high.push_back(100 * (a.value + a.error));
        }
        if (x.empty()) continue;
        Ink const ink = label == Label::electron ? Ink::signal
                        : label == Label::hadron ? Ink::background
                                                 : Ink::neutral;
        plot.markers(x, value, low, high, ink,
                     label == Label::electron ? "electrons"
                     : label == Label::hadron ? "hadrons"
                                              : "unknown");
    }
    plot.horizontal_guide(0, "");
    return plot.draw();
}
}  // namespace calofuse
