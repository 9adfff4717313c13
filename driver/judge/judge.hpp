/// \file driver/judge/judge.hpp
/// One judge for trainer, evaluate and report: from predictions to figures of merit.
///
/// binary (class 1 = signal, taken for it if its probability exceeds 1/2, logit > 0)
///   accuracy, auc; groups: each class at each beam energy: accuracy, mean_score
/// classes (taken for the class of the largest logit, the first of equal ones)
///   accuracy, macro_auc, auc.CLASS, efficiency.CLASS@MISTAG; groups: each class (at each beam energy):
///   accuracy, the share that is taken for it
/// regression, with r = predicted - truth, R = predicted / truth (if all truths are positive)
///   bias mean of r, resolution its standard deviation, half_width_68 half the width of its central
///   68.27 %, mae, rmse; response mean of R, response_resolution, response_half_width_68; the fit of
///   the resolution where the target is in GeV: stochastic a and constant b of a/sqrt(E) (+) b;
///   coverage.qQ share of truths below quantile Q, pull_mean, pull_width of (truth - median) / error
///   where quantiles predict one. Several values: each name has ".VALUE" behind it.
///   groups: bins of the truth: truth (its mean), and the figures of the bin
/// AUC: exact, equal scores count one half, from logits, of one class against the rest, with the error
/// of Hanley and McNeil (Radiology 143, 1982). Shares: Clopper-Pearson without weights, else the normal
/// interval with (sum w)^2 / sum w^2 events. Means, deviations, quantiles: asymptotic errors.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "io/predictions_file.hpp"
#include "models/task.hpp"

namespace calofuse {
/// Beam energy: figures are made for each of its values too, where predictions have this column.
inline constexpr char const* kGroupColumn = "energy_gev";

/// A number with its name, and a 68.27 % interval where it has one (else NaN).
struct Figure {
    std::string name;
    double value = 0;
    double low = std::numeric_limits<double>::quiet_NaN(), high = low;
};
/// NaN where there is no such figure.
Figure find_figure(std::vector<Figure> const& figures, std::string const& name);

/// Figures of some of the events: one beam energy and class, one bin of the target.
struct Group {
    std::string name;   ///< "signal 100 GeV"
    std::string label;  ///< "signal"; of regression: the value's name
    /// What the events have in common: beam energy, range of the truth; NaN: nothing.
    double low = std::numeric_limits<double>::quiet_NaN(), high = low;
    std::int64_t rows = 0;
    std::vector<Figure> figures;

    Figure figure(std::string const& of) const { return find_figure(figures, of); }
};

/// What one head came to.
struct HeadJudgement {
    std::string head;  ///< its target
    TaskKind kind = TaskKind::binary;
    std::vector<std::string> names;  ///< of the head: classes, or values
    std::string unit;
    std::int64_t rows = 0;
    double loss = 0;  ///< sum over the events, weighted as trained on, over their number
    std::vector<Figure> figures;
    std::vector<Group> groups;
    std::vector<std::vector<std::int64_t>> confusion;  ///< [true][predicted]; empty for regression

    /// NaN where there is no such figure.
    double figure(std::string const& name) const { return find_figure(figures, name).value; }
};

struct Judgement {
    std::int64_t rows = 0;  ///< with a target of any head
    double loss = 0;        ///< of all heads with their weights
    std::vector<HeadJudgement> heads;

    HeadJudgement const& first() const { return heads.front(); }
};

/// Rows without a target are not counted. Without any row, or with one class alone, figures are NaN.
/// Errors: CF-JDG-01 no column of the target or weight beside the predictions, -02 a column of another
/// shape than the head's, CF-NUM-01 an output that is not finite. O(n log n).
Judgement judge(Predictions const& predictions, Task const& task);
}  // namespace calofuse
