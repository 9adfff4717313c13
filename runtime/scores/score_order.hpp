/// \file runtime/scores/score_order.hpp
/// Events in the order of their scores, for metrics that walk along a threshold.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace calofuse {
/// Throws unless there is one label a score, no score is NaN (CF-NUM-01, exit 79: the numbers broke,
/// not the metric) and every label is 0 (background) or 1 (signal) (CF-NUM-02, exit 65).
void check_scores(std::span<float const> score, std::span<std::uint8_t const> label);

struct ScoreOrder {
    std::vector<std::uint32_t> index;  ///< by rising score, equal scores by rising index; -0 is 0
    std::int64_t num_signal = 0;
    std::int64_t num_background = 0;
};
/// Checks, then sorts (radix sort, O(N)).
ScoreOrder order_by_score(std::span<float const> score, std::span<std::uint8_t const> label);
}  // namespace calofuse
