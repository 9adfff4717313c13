/// \file driver/focalh/module_figure.hpp
/// Two figures of how the activation spreads over the modules: mean activation of each, by class and
/// energy, in the module's place; and the lean to the right, which shows the tilt of the detector.
#pragma once

#include "driver/report/plot/svg.hpp"
#include "io/focalh/module_activation.hpp"

namespace calofuse {
using ModuleActivations = std::map<std::pair<Label, float>, ModuleActivation>;

/// Nine small plots of mean activation (logarithmic, one scale) against beam energy.
Svg module_plot(ModuleActivations const& charges);
/// (right - left) / (right + left) in per cent against beam energy, with statistical errors.
Svg asymmetry_plot(ModuleActivations const& charges);
}  // namespace calofuse
