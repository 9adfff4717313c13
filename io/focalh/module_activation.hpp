/// \file io/focalh/module_activation.hpp
/// Mean activation of the nine modules, and how far it leans to one side: a detector that is turned by
/// 2 degrees against the beam sees showers drift to the right as they go deeper.
///   activation = sum of the cells that lie more than kEmptyTriggerThreshold above their pedestal, so
///     that a pedestal that is off by an ADC or two does not pile up over the many empty cells
///   asymmetry = (R - L) / (R + L), R and L the activation of the three modules on either side
/// Its error follows from the spread of R and L over the events.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "runtime/focalh/events.hpp"

namespace calofuse {
struct Asymmetry {
    double value = 0, error = 0;
};

/// Sums over events.
class ModuleActivation {
  public:
    /// One event: activation of each module.
    void add(std::array<double, kNumModules> const& activation);
    ModuleActivation& operator+=(ModuleActivation const& other);

    std::int64_t num_events() const { return num_events_; }
    std::array<double, kNumModules> mean() const;  ///< ADC per event
    Asymmetry right_left() const { return asymmetry(horizontal_); }
    Asymmetry up_down() const { return asymmetry(vertical_); }

  private:
    /// Two sides a and b: sums of both, their squares and their product.
    struct Sides {
        double a = 0, b = 0, aa = 0, bb = 0, ab = 0;
    };
    Asymmetry asymmetry(Sides const& sides) const;

    std::int64_t num_events_ = 0;
    std::array<double, kNumModules> sum_ = {};
    Sides horizontal_, vertical_;
};

/// Activation of each module in one event (256 words), ADC.
std::array<double, kNumModules> activation_of_modules(std::span<std::uint16_t const> adc,
                                                      ChannelMap const& map,
                                                      std::span<float const> pedestals);

/// Of a whole set, by label and beam energy.
std::map<std::pair<Label, float>, ModuleActivation> module_activations(
    FocalhEvents const& events, std::span<float const> pedestals);
}  // namespace calofuse
