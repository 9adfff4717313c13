/// \file driver/judge/predictions.hpp
/// From what a network gave out to a table of predictions, and back from its file.
#pragma once

#include <span>
#include <vector>

#include "io/predictions_file.hpp"
#include "models/task.hpp"

namespace calofuse {
/// Of each column of the output: "logit", "logit.CLASS", "predicted.VALUE", "predicted.VALUE.q0.16"; of a
/// task of several heads with "TARGET." in front.
std::vector<std::string> output_names(Task const& task);

/// `output` (rows, W) as the network gave it; values of regressions are put in the target's unit. Beside
/// them stand the columns of targets,
/// sample weight and beam energy, as far as the data has them.
Predictions make_predictions(Task const& task,
                             Dataset const& data,
                             std::span<std::int32_t const> rows,
                             std::span<float const> output);

/// Puts the probabilities in front of all columns, in double: "score" (of class 1), "probability" (C)
/// of classes. For the file: the judge asks the logits.
void add_probabilities(Predictions& predictions, Task const& task);

/// A file that was made of both.
Predictions read_predictions(std::string const& path, Task const& task);
}  // namespace calofuse
