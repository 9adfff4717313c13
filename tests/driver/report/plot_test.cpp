#include "driver/report/plot/plot.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "runtime/error.hpp"
#include "tests/support/xml_check.hpp"

namespace calofuse::test {
namespace {
std::vector<std::string> labels(Scale scale, TickRequest const& request)
{
    std::vector<std::string> out;
    for (Tick const& tick : ticks(scale, request))
        if (!tick.label.empty()) out.push_back(tick.label);
    return out;
}

/// Number of coordinates "x,y" in the first <polyline> with these classes.
std::size_t points_of(std::string const& markup, std::string const& css)
{
    std::size_t const end = markup.find("\" class=\"" + css + "\"");
    if (end == std::string::npos) return 0;
    std::size_t const begin = markup.rfind("points=\"", end);
    std::string const points = markup.substr(begin, end - begin);
    return static_cast<std::size_t>(std::count(points.begin(), points.end(), ','));
}
}  // namespace

TEST(Ticks, linear_ones_are_round_numbers)
{
    EXPECT_EQ(labels(Scale::linear, {.min = 0, .max = 1, .length = 400}),
              (std::vector<std::string>{"0", "0.2", "0.4", "0.6", "0.8", "1.0"}));
    EXPECT_EQ(labels(Scale::linear, {.min = 0, .max = 42000, .length = 300}),
              (std::vector<std::string>{"0", "10k", "20k", "30k", "40k"}));
    EXPECT_EQ(labels(Scale::linear, {.min = -0.013, .max = 0.011, .length = 300, .whole = false}),
              (std::vector<std::string>{"-0.010", "-0.005", "0", "0.005", "0.010"}));
}

TEST(Ticks, epochs_are_whole_numbers)
{
    EXPECT_EQ(labels(Scale::linear, {.min = 0.9, .max = 3.1, .length = 400, .whole = true}),
              (std::vector<std::string>{"1", "2", "3"}));
    EXPECT_EQ(labels(Scale::linear, {.min = 0.5, .max = 1.5, .length = 400, .whole = true}),
              (std::vector<std::string>{"1"}));
}

TEST(Ticks, logarithmic_ones_are_decades)
{
    EXPECT_EQ(labels(Scale::log, {.min = 1, .max = 1e5, .length = 400}),
              (std::vector<std::string>{"1", "10", "100", "1000", "10⁴", "10⁵"}));
    EXPECT_EQ(labels(Scale::log, {.min = 1e-4, .max = 1, .length = 400, .horizontal = false}),
              (std::vector<std::string>{"10⁻⁴", "10⁻³", "0.01", "0.1", "1"}));
    EXPECT_EQ(labels(Scale::log, {.min = 10, .max = 100, .length = 300}),
              (std::vector<std::string>{"10", "20", "50", "100"}));
}

/// Whatever the range and the room, labels keep apart and ticks stay inside.
TEST(Ticks, labels_never_overlap)
{
    for (bool const horizontal : {true, false})
        for (Scale const scale : {Scale::linear, Scale::log})
            for (double const length : {60.0, 120.0, 300.0, 800.0})
                for (double const low : {0.001, 0.37, 12.0, 990.0})
                    for (double const factor : {1.01, 1.7, 30.0, 1e4, 1e9}) {
                        TickRequest const r = {.min = low,
                                               .max = low * factor,
                                               .length = length,
                                               .horizontal = horizontal};
                        double previous = -1e9;
                        for (Tick const& tick : ticks(scale, r)) {
                            double const slack = 1e-8 * (r.max - r.min);
                            EXPECT_GE(tick.value, r.min - slack);
                            EXPECT_LE(tick.value, r.max + slack);
                            if (tick.label.empty()) continue;
                            double const along =
                                scale == Scale::linear
                                    ? (tick.value - r.min) / (r.max - r.min)
                                    : std::log(tick.value / r.min) / std::log(r.max / r.min);
                            double const half =
                                0.5 * (horizontal ? text_width(tick.label, 11.5) : 11.5);
                            EXPECT_GT(along * length - half, previous) << tick.label;
                            previous = along * length + half;
                        }
                    }
}

TEST(Ticks, impossible_axes_are_refused)
{
    EXPECT_THROW(ticks(Scale::linear, {.min = 1, .max = 1}), Error);
    EXPECT_THROW(ticks(Scale::log, {.min = 0, .max = 1}), Error);
    EXPECT_THROW(ticks(Scale::linear, {.min = 0, .max = NAN}), Error);
}

TEST(Plot, shows_what_it_was_given)
{
    Plot plot("Loss <by epoch>", {.label = "epoch", .whole = true}, {.label = "loss"});
    plot.line({1, 2, 3, 4}, {0.5, 0.4, 0.3, 0.2}, Ink::training, "training & more");
    plot.dashed_line({1, 2, 3, 4}, {0.6, 0.5, 0.45, 0.4}, Ink::validation, "validation");
    plot.markers({1, 2}, {0.4, 0.3}, {0.35, 0.25}, {0.45, 0.35}, Ink::signal, "points");
    plot.band({1, 2, 3}, {0.3, 0.3, 0.3}, {0.4, 0.4, 0.4}, Ink::background);
    plot.steps({1, 2, 3}, {0.3, 0.4}, Ink::neutral, "counts");
    plot.vertical_guide(3, "best");
    plot.horizontal_guide(0.25, "target");
    std::string const markup = plot.draw().document();
    XmlScan const scan = scan_xml(markup);
    ASSERT_EQ(scan.error, "");
    for (std::string const text : {"Loss &lt;by epoch&gt;", "epoch", "loss", "training &amp; more",
                                   "validation", "points", "counts", "best", "target", "1", "4"})
        EXPECT_NE(std::find(scan.texts.begin(), scan.texts.end(), text), scan.texts.end()) << text;
    EXPECT_EQ(points_of(markup, "ln t"), 4U);
    EXPECT_EQ(points_of(markup, "ln ds v"), 4U);
    EXPECT_EQ(scan.elements.at("circle"), 3);  // two points and one in the legend
    EXPECT_EQ(plot.draw().document(), markup);
}

TEST(Plot, gaps_single_points_and_nothing_at_all)
{
    double const nan = NAN;
    Plot gap("gap", {.label = "x"}, {.label = "y"});
    gap.line({1, 2, 3, 4, 5}, {1, 2, nan, 3, 4}, Ink::accent, "");
    EXPECT_EQ(scan_xml(gap.draw().element()).elements.at("polyline"), 2);

    Plot dot("dot", {.label = "x"}, {.label = "y"});
    dot.line({1}, {0.7}, Ink::accent, "one");
    EXPECT_EQ(scan_xml(dot.draw().element()).elements.at("circle"), 1);

    for (Scale const scale : {Scale::linear, Scale::log}) {
        Plot empty("empty", {.label = "x", .scale = scale}, {.label = "y", .scale = scale});
        empty.line({}, {}, Ink::accent, "nothing");
        empty.line({1, 2}, {nan, INFINITY}, Ink::neutral, "not finite");
        empty.steps({0, 1, 2}, {0, 0}, Ink::background, "zero counts");
        EXPECT_EQ(scan_xml(empty.draw().element()).error, "");
    }
    Plot constant("constant", {.label = "x"}, {.label = "y"});
    constant.line({1, 1}, {-1e6, -1e6}, Ink::accent, "");
    EXPECT_EQ(scan_xml(constant.draw().element()).error, "");
}

TEST(Plot, long_curves_are_thinned_to_what_the_eye_sees)
{
    std::vector<double> x, y;
    for (int i = 0; i <= 100000; ++i) {
        x.push_back(i / 100000.0);
        y.push_back(x.back() * x.back());
    }
    Plot plot("curve", {.label = "x"}, {.label = "y"});
    plot.line(x, y, Ink::accent, "");
    std::string const markup = plot.draw().element();
    EXPECT_LT(points_of(markup, "ln a"), 1500U);
    EXPECT_GT(points_of(markup, "ln a"), 300U);
}

TEST(Plot, columns_of_unequal_length_are_refused)
{
    Plot plot("bad", {.label = "x"}, {.label = "y"});
    EXPECT_THROW(plot.line({1, 2}, {1}, Ink::accent, ""), Error);
    EXPECT_THROW(plot.steps({1, 2}, {1, 2}, Ink::accent, ""), Error);
    EXPECT_THROW(plot.band({1}, {1}, {}, Ink::accent), Error);
    EXPECT_THROW(plot.markers({1}, {1}, {1}, {}, Ink::accent, ""), Error);
}
}  // namespace calofuse::test
