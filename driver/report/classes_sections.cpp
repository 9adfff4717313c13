#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "driver/judge/judges.hpp"
#include "driver/judge/statistics.hpp"
#include "driver/report/plot/plot.hpp"
#include "driver/report/sections.hpp"

namespace calofuse {
namespace {
constexpr Ink kInks[] = {Ink::signal,     Ink::background, Ink::training,
                         Ink::validation, Ink::accent,     Ink::neutral};
constexpr std::size_t kNumInks = std::size(kInks);
constexpr std::size_t kCurvesPerPlot = 2 * kNumInks;  // solid, then dashed

/// Curves of the classes `from` .. in one plot.
void draw_curves(Section& page,
                 HeadJudgement const& j,
                 std::vector<RocCurve> const& curves,
                 std::size_t from)
{
    Plot roc("ROC, one against the rest",
             {.label = "share of the rest taken for the class",
              .scale = Scale::log,
              .min = 1e-3,
              .max = 1},
             {.label = "efficiency", .min = 0, .max = 1.02});
    Plot rejection("Background rejection", {.label = "efficiency", .min = 0, .max = 1},
                   {.label = "1 / share of the rest", .scale = Scale::log, .min = 1});
    for (std::size_t c = from; c < std::min(from + kCurvesPerPlot, curves.size()); ++c) {
        RocCurve const curve = without_collinear_points(curves[c]);
        std::vector<double> inverse;
        for (double const b : curve.background)
            inverse.push_back(b > 0 ? 1 / b : NAN);
        Ink const ink = kInks[(c - from) % kNumInks];
        bool const solid = c - from < kNumInks;
        auto const add = [&](Plot& plot, std::vector<double> const& x, std::vector<double> const& y,
                             std::string const& label) {
            solid ? plot.line(x, y, ink, label) : plot.dashed_line(x, y, ink, label);
        };
        add(roc, curve.background, curve.signal, j.names[c]);
        add(rejection, curve.signal, inverse, "");  // many names would hide the curves
    }
    page.figure(
        roc.draw(),
        {"Events of a class taken for it against events of all others taken for it, for every "
         "threshold on its probability. Logarithmic: analyses live on the left.",
         "one class far below the others, or steps: few events."});
    page.figure(rejection.draw(), {"At this efficiency, one event in how many of the rest is taken "
                                   "for the class. Colours as in the ROC plot.",
                                   "a steep rise made of a handful of events."});
}

Table class_table(HeadJudgement const& j)
{
    Table out{"One against the rest",
              {"class", "events", "called right", "purity", "AUC", "68 %"},
              {},
              1};
    for (double const mistag : kMistagRates)
        if (std::any_of(j.names.begin(), j.names.end(), [&](std::string const& name) {
                return std::isfinite(j.figure(fmt::format("efficiency.{}@{:g}", name, mistag)));
            }))
            out.header.push_back(fmt::format("eff. at {:g} % mistag", 100 * mistag));
    for (std::size_t c = 0; c < j.names.size(); ++c) {
        std::int64_t own = 0, called = 0;
        for (std::size_t k = 0; k < j.names.size(); ++k) {
            own += j.confusion[c][k];
            called += j.confusion[k][c];
        }
        Figure const area = find_figure(j.figures, "auc." + j.names[c]);
        std::vector<std::string> row = {
            j.names[c],
            with_spaces(own),
            fraction(efficiency(j.confusion[c][c], own).value),
            fraction(efficiency(j.confusion[c][c], called).value),
            fraction(area.value),
            fmt::format("{} – {}", fraction(area.low), fraction(area.high))};
        for (double const mistag : kMistagRates) {
            if (row.size() == out.header.size()) break;
            row.push_back(
                fraction(j.figure(fmt::format("efficiency.{}@{:g}", j.names[c], mistag))));
        }
        out.rows.push_back(std::move(row));
    }
    return out;
}

Svg energy_plot_of(HeadJudgement const& j)
{
    Plot plot("Right decisions by beam energy", {.label = "beam energy / GeV", .min = 0},
              {.label = "fraction called right", .min = 0, .max = 1.005});
    for (std::size_t c = 0; c < j.names.size(); ++c) {
        std::vector<double> x, value, low, high;
        for (Group const& g : j.groups) {
            if (g.label != j.names[c] || !std::isfinite(g.low)) continue;
            Figure const f = g.figure("accuracy");
            x.push_back(g.low);
            value.push_back(f.value);
            low.push_back(f.low);
            high.push_back(f.high);
        }
        plot.line(x, value, kInks[c % kNumInks], "");
        plot.markers(x, value, low, high, kInks[c % kNumInks], j.names[c]);
    }
    return plot.draw();
}
}  // namespace

std::vector<Section> classes_sections(ReportData const& data,
                                      std::size_t head,
                                      std::string const& id)
{
    HeadJudgement const& j = data.judgement.heads[head];
    HeadRows const rows = head_rows(data.predictions, data.task, head);
    Section page("classes" + id, data.task.heads.size() > 1 ? "Classes of " + j.head : "Classes",
                 "How well the classes part on the test events, which the training never saw. An "
                 "event is called the class of the largest probability.");
    page.confusion(j.names, j.confusion,
                   {"Counts, and shares of each label: a row sums to 100 %.",
                    "a column that takes events of all rows: a class that the network prefers."});
    std::vector<RocCurve> curves;
    for (std::size_t c = 0; c < j.names.size(); ++c) {
        OneAgainstRest const one = one_against_rest(rows, static_cast<std::int32_t>(c));
        curves.push_back(roc_curve(one.score, one.label));
    }
    for (std::size_t from = 0; from < curves.size(); from += kCurvesPerPlot)
        draw_curves(page, j, curves, from);
    if (std::any_of(j.groups.begin(), j.groups.end(),
                    [](Group const& g) { return std::isfinite(g.low); }))
        page.figure(energy_plot_of(j),
                    {"Share of events that are called what their label says, by beam energy.",
                     "a class that is right at energies of which it alone has events."});
    page.table(class_table(j),
               {fmt::format("Macro AUC {}: the mean of the column AUC. Efficiency at a mistag: the "
                            "largest share of the class that lets no more than this share of the "
                            "rest through.",
                            fraction(j.figure("macro_auc"))),
                ""});
    return {page};
}
}  // namespace calofuse
