#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "driver/judge/judges.hpp"
#include "driver/judge/statistics.hpp"
#include "driver/report/plot/plot.hpp"
#include "driver/report/sections.hpp"

namespace calofuse {
namespace {
/// What the figures of one value are drawn from.
struct Value {
    HeadJudgement const& j;
    std::string name, behind, unit;  ///< behind: ".NAME" of one value of several; unit: " / GeV"
    std::vector<Group> bins;
    Residuals r;

    Figure figure(std::string const& of) const { return find_figure(j.figures, of + behind); }
};

struct Points {
    std::vector<double> x, y, low, high;
};

Points points(Value const& v, std::string const& figure)
{
    Points out;
    for (Group const& g : v.bins) {
        Figure const f = g.figure(figure);
        out.x.push_back(g.figure("truth").value);
        out.y.push_back(f.value);
        out.low.push_back(f.low);
        out.high.push_back(f.high);
    }
    return out;
}

void add_points(Plot& plot, Points const& p, Ink ink, std::string const& label)
{
    plot.band(p.x, p.low, p.high, ink);
    plot.line(p.x, p.y, ink, "");
    plot.markers(p.x, p.y, p.low, p.high, ink, label);
}

Axis truth_axis(Value const& v)
{
    Axis out{.label = "true " + v.name + v.unit};
    if (v.r.positive) out.min = 0;
    return out;
}

/// Median and central 68 % of what is predicted, in the bins of the truth.
Svg predicted_plot(Value const& v)
{
    Plot plot("Predicted against true", truth_axis(v), {.label = "predicted " + v.name + v.unit});
    std::vector<double> x, bias, low, high, ends;
    for (Group const& g : v.bins) {
        double const truth = g.figure("truth").value, middle = truth + g.figure("bias").value;
        double const width = g.figure("half_width_68").value;
        x.push_back(truth);
        bias.push_back(middle);
        low.push_back(middle - width);
        high.push_back(middle + width);
    }
    if (!v.bins.empty()) ends = {v.bins.front().low, v.bins.back().high};
    plot.dashed_line(ends, ends, Ink::neutral, "perfect");
    plot.band(x, low, high, Ink::signal);
    plot.line(x, bias, Ink::signal, "");
    plot.markers(x, bias, low, high, Ink::signal, "mean and central 68 %");
    return plot.draw();
}

Svg bias_plot(Value const& v)
{
    bool const relative = v.r.positive;
    Plot plot(
        relative ? "Response" : "Bias", truth_axis(v),
        {.label = relative ? "mean of predicted / true" : "mean of predicted - true" + v.unit});
    plot.horizontal_guide(relative ? 1 : 0, "");
    add_points(plot, points(v, relative ? "response" : "bias"), Ink::signal, "test events");
    return plot.draw();
}

Svg resolution_plot(Value const& v)
{
    bool const relative = v.r.positive;
    std::string const of = relative ? "predicted / true" : "predicted - true" + v.unit;
    Plot plot(relative ? "Relative resolution" : "Resolution", truth_axis(v),
              {.label = "spread of " + of, .min = 0});
    std::string const prefix = relative ? "response_" : "";
    add_points(plot, points(v, prefix + "resolution"), Ink::signal, "standard deviation");
    add_points(plot, points(v, prefix + "half_width_68"), Ink::background, "half of central 68 %");
    double const a = v.figure("stochastic").value, b = v.figure("constant").value;
    if (std::isfinite(a)) {
        std::vector<double> x, y;
        double const low = v.bins.front().figure("truth").value,
                     high = v.bins.back().figure("truth").value;
        for (int i = 0; i <= 100; ++i) {
            x.push_back(low * std::pow(high / low, i / 100.0));
            y.push_back(std::hypot(a / std::sqrt(x.back()), b));
        }
        plot.dashed_line(x, y, Ink::neutral, "a / √E ⊕ b");
    }
    return plot.draw();
}

/// Equal bins within `range` of the middle; what lies beyond is in none.
Svg histogram(std::string const& title,
              std::string const& label,
              std::vector<double> const& values,
              std::pair<double, double> range,
              bool with_normal)
{
    constexpr std::size_t kBins = 60;
    std::vector<double> edges, heights(kBins);
    double const step = (range.second - range.first) / kBins;
    for (std::size_t i = 0; i <= kBins; ++i)
        edges.push_back(range.first + static_cast<double>(i) * step);
    for (double const v : values) {
        double const at = std::floor((v - range.first) / step);
        if (at >= 0 && at < kBins) heights[static_cast<std::size_t>(at)] += 1;
    }
    Plot plot(title, {.label = label, .min = range.first, .max = range.second},
              {.label = "events per bin", .min = 0});
    plot.steps(edges, heights, Ink::signal, "test events");
    if (with_normal) {
        std::vector<double> x, y;
        for (int i = 0; i <= 120; ++i) {
            x.push_back(range.first + (range.second - range.first) * i / 120.0);
            y.push_back(static_cast<double>(values.size()) * step / std::sqrt(2 * M_PI)
                        * std::exp(-x.back() * x.back() / 2));
        }
        plot.dashed_line(x, y, Ink::neutral, "normal");
    }
    return plot.draw();
}

/// Symmetric about the median: five half widths on either side.
std::pair<double, double> range_of(std::vector<double> const& values)
{
    Sample const sample(values, {});
    double const middle = sample.quantile(0.5), width = 5 * sample.half_width();
    if (!(width > 0)) return {-1, 1};
    return {middle - width, middle + width};
}

void add_spread(Section& page, Value const& v)
{
    std::vector<double> values;
    for (std::size_t i = 0; i < v.r.truth.size(); ++i)
        values.push_back(v.r.positive ? v.r.predicted[i] / v.r.truth[i]
                                      : v.r.predicted[i] - v.r.truth[i]);
    std::string const label = v.r.positive ? "predicted / true" : "predicted - true" + v.unit;
    page.figure(histogram("Residuals", label, values, range_of(values), false),
                {"All test events, five half widths on either side of the median.",
                 "two peaks (two kinds of events), or a long tail on one side."});
    std::vector<double> pulls;
    for (std::size_t i = 0; i < v.r.error.size(); ++i)
        if (v.r.error[i] > 0) pulls.push_back((v.r.truth[i] - v.r.predicted[i]) / v.r.error[i]);
    if (pulls.empty()) return;
    page.figure(histogram("Pulls", "(true - predicted) / predicted error", pulls, {-5, 5}, true),
                {fmt::format("Mean {}, width {}; an honest error gives 0 and 1.",
                             fraction(v.figure("pull_mean").value, 3),
                             fraction(v.figure("pull_width").value, 3)),
                 "a width above 1: the errors are too small; below 1: too large."});
}

std::string with_error_text(Figure const& f)
{
    if (!std::isfinite(f.low)) return number_text(f.value);
    return fmt::format("{} ± {:.2g}", number_text(f.value), (f.high - f.low) / 2);
}

Table figure_table(Value const& v)
{
    Table out{"Figures", {"figure", "value"}, {}, 1};
    for (Figure const& f : v.j.figures) {
        bool const own = v.behind.empty() || f.name.ends_with(v.behind);
        if (!own) continue;
        std::string const name = f.name.substr(0, f.name.size() - v.behind.size());
        bool const count = name == "pulls" || name == "fit_points";
        out.rows.push_back({name, count ? fmt::format("{:g}", f.value) : with_error_text(f)});
    }
    return out;
}

Table bin_table(Value const& v)
{
    std::string const prefix = v.r.positive ? "response_" : "";
    Table out{"By true " + v.name,
              {"true" + v.unit, "events", v.r.positive ? "response" : "bias", "resolution",
               "half of 68 %"},
              {},
              1};
    for (Group const& g : v.bins)
        out.rows.push_back({g.low == g.high ? fmt::format("{:.6g}", g.low)
                                            : fmt::format("{:.4g} – {:.4g}", g.low, g.high),
                            with_spaces(g.rows),
                            with_error_text(g.figure(v.r.positive ? "response" : "bias")),
                            with_error_text(g.figure(prefix + "resolution")),
                            with_error_text(g.figure(prefix + "half_width_68"))});
    return out;
}

std::string fit_text(Value const& v)
{
    Figure const a = v.figure("stochastic"), b = v.figure("constant");
    if (!std::isfinite(a.value)) return "";
    return fmt::format(
        " Fit a / √E ⊕ b: a = ({:.2f} ± {:.2f}) % √GeV, b = ({:.2f} ± {:.2f}) %, "
        "χ² = {:.1f} of {:.0f} points.",
        100 * a.value, 50 * (a.high - a.low), 100 * b.value, 50 * (b.high - b.low),
        v.figure("fit_chi2").value, v.figure("fit_points").value);
}

Section section_of(Value const& v, std::string const& id)
{
    Section page("value-" + id, "Prediction of " + v.name,
                 "What was predicted for the test events, which the training never saw, against "
                 "what is true.");
    page.figure(predicted_plot(v),
                {"Mean prediction in bins of the truth; the band holds the central 68 %.",
                 "a slope below 1: the network hides in the middle of what it has seen."});
    page.figure(bias_plot(v), {"Mean in bins of the truth with its standard error.",
                               "a fall at the upper end and a rise at the lower: the edges of the "
                               "training's range."});
    page.figure(resolution_plot(v),
                {"Spread in bins of the truth with its standard error." + fit_text(v),
                 "a standard deviation far above the half width: a few events far out."});
    add_spread(page, v);
    page.begin_stack();
    page.table(figure_table(v),
               {"Over all test events, with standard errors. resolution: standard deviation of "
                "predicted - true; half_width_68: half the width of its central 68 %; response: "
                "predicted / true.",
                ""});
    page.end_stack();
    page.table(bin_table(v));
    return page;
}
}  // namespace

std::vector<Section> values_sections(ReportData const& data,
                                     std::size_t head,
                                     std::string const& id)
{
    HeadJudgement const& j = data.judgement.heads[head];
    HeadRows const rows = head_rows(data.predictions, data.task, head);
    std::vector<Section> out;
    for (std::size_t k = 0; k < j.names.size(); ++k) {
        Value v{j,
                j.names[k],
                j.names.size() > 1 ? "." + j.names[k] : "",
                j.unit.empty() ? "" : " / " + j.unit,
                {},
                residuals(data.task.heads[head], rows, k)};
        for (Group const& g : j.groups)
            if (g.label == j.names[k]) v.bins.push_back(g);
        out.push_back(section_of(v, fmt::format("{}{}", k, id)));
    }
    return out;
}
}  // namespace calofuse
