/// \file driver/report/numbers.hpp
/// What the report shows, computed from the predictions alone with the operators of kernels/metric.
/// Electron = signal (score -> 1), hadron = background; an event is called electron if its score
/// exceeds the threshold. Events without a label take no part. Classes without events give NaN,
/// never a made-up number.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "driver/judge/calibration.hpp"
#include "driver/judge/confusion.hpp"
#include "driver/judge/roc.hpp"
#include "driver/report/data.hpp"

namespace calofuse {
/// Of every decision in the report, unless it says otherwise.
inline constexpr float kThreshold = 0.5F;

/// passed / total with the central 68.27 % Clopper-Pearson interval; NaN where total is 0.
struct Efficiency {
    std::int64_t passed = 0, total = 0;
    double value = 0, low = 0, high = 0;
};
Efficiency efficiency(std::int64_t passed, std::int64_t total);

/// The labelled predictions as columns, and their exact ROC.
struct Scored {
    std::vector<float> score;
    std::vector<std::uint8_t> label;  ///< 0 hadron, 1 electron
    std::int64_t num_hadrons = 0, num_electrons = 0;
    RocCurve roc;
    double auc = 0;

    explicit Scored(std::span<Prediction const> predictions);
    std::int64_t size() const { return static_cast<std::int64_t>(score.size()); }
};

/// Counts by [label][decision], 0 hadron, 1 electron.
struct Decisions {
    std::int64_t count[2][2] = {};

    Decisions(Scored const& scored, float threshold);
    Efficiency accuracy() const;
    /// Share of the events of this label that got the right decision.
    Efficiency correct(Label label) const;
    /// Share of the events with this decision that bear its label.
    Efficiency purity(Label decision) const;
};

/// The tightest cut that keeps at least `target` of the electrons.
struct WorkingPoint {
    double target = 0;
    double threshold = 0;           ///< accepted: score >= threshold
    Efficiency electrons, hadrons;  ///< accepted
    /// 1 / hadron efficiency with its interval; infinite where no hadron is left.
    double rejection = 0, rejection_low = 0, rejection_high = 0;
};
WorkingPoint working_point(Scored const& scored, double target);

/// One beam setting.
struct EnergyBin {
    Label label = Label::unknown;
    double energy_gev = 0;
    Efficiency correct;
    double mean_score = 0;
};
/// By label (hadrons first), then energy.
std::vector<EnergyBin> energy_bins(std::span<Prediction const> predictions, float threshold);

/// Counts per label in equal bins of the score.
struct ScoreHistogram {
    std::vector<double> edges;
    std::vector<double> electrons, hadrons;
};
ScoreHistogram score_histogram(Scored const& scored, int num_bins);

/// The `count` events of this label with the most wrong scores, worst first; ties by file and event.
std::vector<Prediction> worst_mistakes(std::span<Prediction const> predictions,
                                       Label label,
                                       std::size_t count,
                                       float threshold);
}  // namespace calofuse
