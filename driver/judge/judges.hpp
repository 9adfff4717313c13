/// \file driver/judge/judges.hpp
/// What `judge` is made of: one function per kind of task.
#pragma once

#include "driver/judge/head_rows.hpp"
#include "driver/judge/judge.hpp"

namespace calofuse {
/// Efficiencies are given at these shares of the rest taken for the class, where at least
/// kMinMistagged events of the rest make it up.
inline constexpr double kMistagRates[] = {0.01, 0.001};
inline constexpr double kMinMistagged = 10;

/// Fill loss, figures, groups and confusion. `groups`: of each event of `rows`, or empty.
void judge_classes(HeadJudgement& out,
                   Head const& head,
                   HeadRows const& rows,
                   std::span<double const> groups);
void judge_values(HeadJudgement& out, Head const& head, HeadRows const& rows);

/// Of a class against the rest, exact, ties one half.
Figure auc_figure(std::string name, OneAgainstRest const& scores, std::span<float const> weight);
/// Largest efficiency of the class that lets at most `mistag` of the rest through.
Figure efficiency_at(std::string name, OneAgainstRest const& scores, double mistag);

/// Value v of D: what was predicted for it (the median, of quantiles), and what is true.
struct Residuals {
    std::vector<double> truth, predicted;
    std::vector<double> error;  ///< predicted one, half the central 68 %; empty: none
    bool positive = true;       ///< every truth is > 0: responses exist
};
Residuals residuals(Head const& head, HeadRows const& rows, std::size_t value);
}  // namespace calofuse
