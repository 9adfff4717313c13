/// \file io/focalh/check_events.hpp
#pragma once

#include <string>

#include "runtime/dataset.hpp"

namespace calofuse {
/// What a data set of kind "focalh" must be: CF-H5-07 labels 0, 1, 255; -08 energies finite and not
/// negative; -18 ADC values of 13 bits, pedestals of that range; -20 a channel map of this detector.
void check_focalh_events(Dataset const& data, std::string const& source);
}  // namespace calofuse
