/// \file driver/judge/roc.hpp
/// The ROC curve and the working points that physicists quote. Host functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace calofuse {
struct RocCurve {
    /// (K + 1) efficiencies, from (0, 0) to (1, 1); point k > 0 accepts score >= threshold[k - 1].
    /// A class without events has efficiency NaN.
    std::vector<double> background, signal;
    std::vector<float> threshold;  ///< (K) falling: every distinct score
};

/// Throws CF-NUM-01 for a NaN score, CF-NUM-02 for a label other than 0 (background), 1 (signal).
RocCurve roc_curve(std::span<float const> score, std::span<std::uint8_t const> label);

/// The curve without the points that are the middle of their neighbours. Plots look the same;
/// scikit-learn does so by default.
RocCurve without_collinear_points(RocCurve const& curve);

/// 1 / background efficiency at the point whose signal efficiency is nearest to `signal_efficiency`
/// (the first one if two are equally near); infinity where no background is accepted there.
double background_rejection(RocCurve const& curve, double signal_efficiency);
}  // namespace calofuse
