/// \file driver/judge/head_rows.hpp
/// What a head said, beside what is true: the rows of predictions that have the head's target.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "driver/judge/roc.hpp"
#include "io/predictions_file.hpp"
#include "models/task.hpp"

namespace calofuse {
struct HeadRows {
    std::vector<std::int64_t> row;    ///< (n) row of the predictions
    std::vector<std::int32_t> label;  ///< (n) class; empty for regression
    std::vector<float> truth;         ///< (n, D) regression
    std::vector<float> output;        ///< (n, W) of this head
    std::vector<float> weight;        ///< (n), or empty: 1
    std::int64_t width = 1;           ///< W

    std::int64_t size() const { return static_cast<std::int64_t>(row.size()); }
    /// (W) of event i.
    std::span<float const> of(std::int64_t i) const
    {
        return std::span(output).subspan(static_cast<std::size_t>(i * width),
                                         static_cast<std::size_t>(width));
    }
    double weight_of(std::int64_t i) const
    {
        return weight.empty() ? 1.0 : static_cast<double>(weight[static_cast<std::size_t>(i)]);
    }
};

/// Errors: as `judge`.
HeadRows head_rows(Predictions const& predictions, Task const& task, std::size_t head);

/// One class against the rest. The score is the logit of its probability p, log(p / (1 - p)): it
/// orders events as p does and keeps apart what rounds to p = 1.
struct OneAgainstRest {
    std::vector<float> score;         ///< (n)
    std::vector<std::uint8_t> label;  ///< (n) 1 = of this class
};
OneAgainstRest one_against_rest(HeadRows const& rows, std::int32_t of_class);

/// Probability of a score.
double probability(double score);
/// log(sum exp(z)) without overflow.
double log_sum_exp(std::span<float const> z);
}  // namespace calofuse
