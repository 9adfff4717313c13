/// \file driver/report/figures.hpp
/// The plots of the report. Signal is blue and background orange in all of them.
#pragma once

#include <span>
#include <string>

#include "driver/judge/calibration.hpp"
#include "driver/report/data.hpp"
#include "driver/report/numbers.hpp"
#include "driver/report/plot/plot.hpp"

namespace calofuse {
/// Training and validation values of one metric by epoch, the best epoch marked.
Svg curve_plot(ReportData const& data, std::string const& name, std::string const& title);
Svg learning_rate_plot(ReportData const& data);
Svg speed_plot(ReportData const& data);

/// Signal efficiency against background efficiency, both linear.
Svg roc_plot(Scored const& scored);
/// 1 / background efficiency (logarithmic, with its 68 % band) against signal efficiency.
Svg rejection_plot(Scored const& scored);
Svg score_plot(Scored const& scored, ScoreHistogram const& histogram);
/// What happens at each threshold: accuracy, both efficiencies, purity of the signal.
Svg threshold_plot(Scored const& scored);
/// Accuracy of each class against beam energy. `names`: background, signal.
Svg energy_plot(std::span<Group const> groups, std::vector<std::string> const& names);
Svg calibration_plot(Scored const& scored, Calibration const& calibration);
}  // namespace calofuse
