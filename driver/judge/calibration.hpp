/// \file driver/judge/calibration.hpp
/// Do scores mean probabilities? Reliability curve in bins of equal numbers of events, expected and
/// largest calibration error, Brier score. Host functions; scores in [0, 1].
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace calofuse {
struct CalibrationBin {
    double mean_score = 0;       ///< average score of the bin
    double signal_fraction = 0;  ///< share of true signal in it
    std::int64_t num_signal = 0;
    std::int64_t num_events = 0;
};

struct Calibration {
    std::vector<CalibrationBin> bins;  ///< by rising score; fewer than asked for with few events
    double expected_error = 0;         ///< ECE: sum of n_bin / n |mean score - signal fraction|
    double largest_error = 0;          ///< MCE: the largest of these differences
    double brier = 0;                  ///< average of (score - label)^2
};

/// Bin k ends before event floor((k + 1) N / num_bins) in order of the score, or later, where equal
/// scores would be torn apart. Without events there are no bins and the errors are NaN.
/// Throws CF-NUM-01 for a NaN score, CF-NUM-02 for a label other than 0 and 1.
Calibration calibration(std::span<float const> score,
                        std::span<std::uint8_t const> label,
                        int num_bins = 15);
}  // namespace calofuse
