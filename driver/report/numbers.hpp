/// \file driver/report/numbers.hpp
/// What the report shows of a binary task beside the judgement: curves and working points. Class 1 =
/// signal (score -> 1), class 0 = background; an event is called signal if its score exceeds the
/// threshold. Classes without events give NaN, never a made-up number.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "driver/judge/head_rows.hpp"
#include "driver/judge/roc.hpp"
#include "driver/judge/statistics.hpp"

namespace calofuse {
/// The labelled predictions as columns, and their exact ROC.
struct Scored {
    std::string background, signal;   ///< names of the classes
    std::vector<float> logit;         ///< orders events where scores are rounded to 1
    std::vector<float> score;         ///< probability of signal
    std::vector<std::uint8_t> label;  ///< 1 = signal
    std::int64_t num_background = 0, num_signal = 0;
    RocCurve roc;  ///< thresholds are logits
    double auc = 0;

    Scored(Head const& head, HeadJudgement const& judged, HeadRows const& rows);
    std::int64_t size() const { return static_cast<std::int64_t>(logit.size()); }
};

/// What a threshold does.
struct Decisions {
    Efficiency accuracy;
    Efficiency signal, background;  ///< events of the class that are called so
    Efficiency purity;              ///< signal among what is called signal
};
Decisions decisions(Scored const& scored, double threshold);

/// The tightest cut that keeps at least `target` of the signal.
struct WorkingPoint {
    double target = 0;
    double threshold = 0;           ///< on the score; accepted: score >= threshold
    Efficiency signal, background;  ///< accepted
    /// 1 / background efficiency with its interval; infinite where none is left.
    double rejection = 0, rejection_low = 0, rejection_high = 0;
};
WorkingPoint working_point(Scored const& scored, double target);

/// Counts per class in equal bins of the score.
struct ScoreHistogram {
    std::vector<double> edges;
    std::vector<double> signal, background;
};
ScoreHistogram score_histogram(Scored const& scored, int num_bins);
}  // namespace calofuse
