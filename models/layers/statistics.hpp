/// \file models/layers/statistics.hpp
/// What every layer with a batch norm does with its statistics: in training and calibration the
/// operator writes those of the batch, in evaluation it reads the stored ones.
#pragma once

#include "models/layers/dense.hpp"

namespace calofuse::layers {
/// The tensors an operator reads or writes, (C) each.
struct BatchStatistics {
    TensorRef mean, variance;
};

BatchStatistics batch_statistics(Tape& tape,
                                 Parameters const& parameters,
                                 StatisticsGroup const& statistics,
                                 std::int64_t channels);

/// Records what follows the operator: accumulation in calibrate mode, the update by momentum in train
/// mode if the rule says so. `rows`: values that each statistic was taken over.
void record_statistics(Tape& tape,
                       Parameters const& parameters,
                       StatisticsGroup const& statistics,
                       BatchStatistics const& batch,
                       std::int64_t rows,
                       NormRule const& rule);
}  // namespace calofuse::layers
