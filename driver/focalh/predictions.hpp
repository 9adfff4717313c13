/// \file driver/focalh/predictions.hpp
/// Predictions of electrons and hadrons, event by event, for pictures and tables of single events.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/predictions_file.hpp"
#include "models/task.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse {
/// Of every decision about pictures.
inline constexpr float kThreshold = 0.5F;

/// One event and what the network said about it.
struct Prediction {
    std::int32_t file_id = 0;
    std::int64_t event_index = 0;  ///< row in its raw file
    float score = 0;               ///< probability of electron, 0 .. 1
    Label label = Label::unknown;
    double energy_gev = 0;  ///< beam energy; 0 = unknown
};

/// Electron or hadron by the column "label".
Task electron_task();

/// Of a task with one binary head.
std::vector<Prediction> event_predictions(Predictions const& predictions, Task const& task);

/// The `count` events of this label with the most wrong scores, worst first; ties by file and event.
std::vector<Prediction> worst_mistakes(std::vector<Prediction> const& predictions,
                                       Label label,
                                       std::size_t count,
                                       float threshold);
}  // namespace calofuse
