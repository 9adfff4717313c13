/// \file driver/focalh/event_pictures.hpp
/// Events of a store as detector images: single ones, and the mean of a class.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "driver/focalh/cell_image.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse {
/// Charge of each cell, ADC - pedestal, in cell order. `pedestals` (256).
std::vector<double> cell_charges(FocalhEvents const& events,
                                 std::int64_t row,
                                 std::span<float const> pedestals);

/// Mean over the events of this label; empty if there are none.
std::vector<double> mean_charges(FocalhEvents const& events,
                                 Label label,
                                 std::span<float const> pedestals);

/// Row of (file, event in that file) in the store.
std::optional<std::int64_t> find_row(FocalhEvents const& events,
                                     std::int64_t file_id,
                                     std::int64_t event_index);

/// Image with captions: label and energy, score if there is one, sum of the charge, file and row.
CellImage event_image(FocalhEvents const& events,
                      std::int64_t row,
                      std::span<float const> pedestals,
                      std::optional<float> score);
}  // namespace calofuse
