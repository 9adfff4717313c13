/// \file driver/report/figures.hpp
/// The plots of the report. Electrons are blue and hadrons orange in all of them.
#pragma once

#include <string>

#include "driver/report/data.hpp"
#include "driver/report/numbers.hpp"
#include "driver/report/plot/plot.hpp"

namespace calofuse {
/// Training and validation values of one metric by epoch, the best epoch marked.
Svg curve_plot(ReportData const& data, std::string const& name, std::string const& title);
Svg learning_rate_plot(ReportData const& data);
Svg speed_plot(ReportData const& data);

/// Electron efficiency against hadron efficiency, both linear.
Svg roc_plot(Scored const& scored);
/// 1 / hadron efficiency (logarithmic, with its 68 % band) against electron efficiency.
Svg rejection_plot(Scored const& scored);
Svg score_plot(ScoreHistogram const& histogram);
/// What happens at each threshold: accuracy, both efficiencies, purity of the electrons.
Svg threshold_plot(Scored const& scored);
Svg energy_plot(std::span<EnergyBin const> bins);
Svg calibration_plot(Calibration const& calibration);
}  // namespace calofuse
