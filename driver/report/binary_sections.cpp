#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "driver/report/figures.hpp"
#include "driver/report/sections.hpp"

namespace calofuse {
namespace {
double purity(HeadJudgement const& j, std::size_t of_class)
{
    std::int64_t const right = j.confusion[of_class][of_class];
    return efficiency(right, right + j.confusion[1 - of_class][of_class]).value;
}

Table working_points(Scored const& scored)
{
    Table table{"Working points",
                {scored.signal + " kept", "threshold", scored.background + " kept", "rejection 1/ε",
                 "68 % interval"},
                {},
                1};
    for (double const target : {0.5, 0.8, 0.9, 0.95, 0.99}) {
        WorkingPoint const p = working_point(scored, target);
        table.rows.push_back({fmt::format("{:.0f} %", 100 * target), fraction(p.threshold),
                              p.background.total == 0 ? "–"
                                                      : fmt::format("{} of {}", p.background.passed,
                                                                    p.background.total),
                              rejection_text(p.rejection),
                              fmt::format("{} – {}", rejection_text(p.rejection_low),
                                          rejection_text(p.rejection_high))});
    }
    return table;
}

Section separation(Scored const& scored, HeadJudgement const& j, std::string const& id)
{
    Section page("separation" + id, "Separation",
                 fmt::format("How well {} (signal) and {} (background) part on the test events, "
                             "which the training never saw.",
                             scored.signal, scored.background));
    page.figure(roc_plot(scored),
                {"Signal kept against background wrongly kept, for every threshold. "
                 "The dotted diagonal is guessing.",
                 "a corner instead of a curve (few distinct scores), or a curve below "
                 "the diagonal (labels swapped)."});
    page.figure(
        rejection_plot(scored),
        {fmt::format("The same as what an analysis asks: at this signal efficiency, one {} in how "
                     "many is kept. The band is the 68 % interval of their count.",
                     scored.background),
         "a steep rise made of a handful of events: look at the width of the band."});
    page.figure(score_plot(scored, score_histogram(scored, 50)),
                {"Scores by label, logarithmic counts. Where labels are impure, as those of beams "
                 "are, a small peak at the wrong end is expected.",
                 "spikes inside the range, or both classes piling up at one end."});
    page.begin_stack();
    page.confusion(
        j.names, j.confusion,
        {fmt::format("Threshold 0.5: counts, and shares of each label. Purity of what is called "
                     "{}: {}, {}: {}.",
                     scored.signal, fraction(purity(j, 1)), scored.background,
                     fraction(purity(j, 0))),
         "one class far better than the other: then the labels of the other are "
         "less pure, or the classes are unequal in number."});
    page.table(working_points(scored),
               {"Tightest threshold that keeps at least this share of the signal, and what it does "
                "to the background (Clopper-Pearson interval).",
                ""});
    page.end_stack();
    return page;
}

Table group_table(std::span<Group const> groups, bool has_energy)
{
    Table table{has_energy ? "By beam setting" : "By class", {"label"}, {}, 1};
    if (has_energy) table.header.emplace_back("GeV");
    for (char const* name : {"events", "called right", "68 % interval", "mean score"})
        table.header.emplace_back(name);
    for (Group const& g : groups) {
        Figure const accuracy = g.figure("accuracy");
        std::vector<std::string> row = {g.label};
        if (has_energy) row.push_back(std::isfinite(g.low) ? fmt::format("{:g}", g.low) : "–");
        row.push_back(with_spaces(g.rows));
        row.push_back(fraction(accuracy.value));
        row.push_back(fmt::format("{:.4f} – {:.4f}", accuracy.low, accuracy.high));
        row.push_back(fraction(g.figure("mean_score").value));
        table.rows.push_back(std::move(row));
    }
    return table;
}

Section decisions(Scored const& scored, HeadJudgement const& j, std::string const& id)
{
    Section page("decisions" + id, "Decisions",
                 "With a threshold of 0.5 on the score, unless it is varied.");
    page.figure(threshold_plot(scored),
                {"What another threshold would do.",
                 "an accuracy that peaks far from 0.5: the scores are not probabilities "
                 "(see calibration)."});
    Calibration const cal = calibration(scored.score, scored.label);
    page.figure(calibration_plot(scored, cal),
                {fmt::format("Share of {} among events of like score ({} bins of equal number, "
                             "68 % intervals). Expected calibration error {}, Brier score {}.",
                             scored.signal, cal.bins.size(), fraction(cal.expected_error),
                             fraction(cal.brier)),
                 "points below the diagonal on the right and above it on the left: the network is "
                 "too sure of itself."});
    bool const has_energy = std::any_of(j.groups.begin(), j.groups.end(),
                                        [](Group const& g) { return std::isfinite(g.low); });
    if (has_energy)
        page.figure(
            energy_plot(j.groups, j.names),
            {"Share of events that are called what their label says, by beam energy, with 68 % "
             "Clopper-Pearson bands.",
             "a single energy that falls out of line (a bad file), or a network that is right "
             "exactly at energies of which only one class exists: it reads the energy, not "
             "the shape."});
    page.table(group_table(j.groups, has_energy));
    return page;
}
}  // namespace

std::vector<Section> binary_sections(ReportData const& data,
                                     std::size_t head,
                                     std::string const& id)
{
    HeadJudgement const& j = data.judgement.heads[head];
    Scored const scored(data.task.heads[head], j, head_rows(data.predictions, data.task, head));
    return {separation(scored, j, id), decisions(scored, j, id)};
}
}  // namespace calofuse
