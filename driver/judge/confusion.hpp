/// \file driver/judge/confusion.hpp
/// Decisions at a threshold: an event is taken for signal if score > threshold. Host functions.
#pragma once

#include <cstdint>
#include <span>

namespace calofuse {
inline constexpr double kDecisionThreshold = 0.5;  ///< of a binary head: score above it = class 1

/// Sums of weights by true class and decision; numbers of events without weights.
struct Confusion {
    double true_negative = 0, false_positive = 0;  ///< background events
    double false_negative = 0, true_positive = 0;  ///< signal events

    double total() const;
    // Ratios are NaN where the denominator is 0.
    double accuracy() const;               ///< share of right decisions
    double f1() const;                     ///< 2 TP / (2 TP + FP + FN), signal = positive
    double signal_efficiency() const;      ///< TP / (TP + FN)
    double background_efficiency() const;  ///< FP / (FP + TN)
    double purity() const;                 ///< TP / (TP + FP)
};

/// `weight` empty: 1. Throws CF-NUM-01 for a NaN score, CF-NUM-02 for a label other than 0 and 1.
Confusion confusion(std::span<float const> score,
                    std::span<std::uint8_t const> label,
                    float threshold,
                    std::span<float const> weight = {});
}  // namespace calofuse
