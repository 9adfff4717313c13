/// \file models/layers/norm.hpp
/// Batch norm and layer norm.
#pragma once

#include "models/engine/tape.hpp"

namespace calofuse::layers {
/// How the statistics of evaluation come about.
struct NormRule {
    float epsilon = 1e-3F;
    float momentum = 0.99F;  ///< keras' meaning
    bool running = false;    ///< update them in every training pass by momentum
};

/// x (N, C) -> (N, C). Weights `<name>.gamma`, `<name>.beta` (C), statistics `<name>.moving_mean`,
/// `<name>.moving_variance` (C).
struct BatchNorm {
    ParameterGroup gamma, beta;
    StatisticsGroup statistics;
    NormRule rule;

    BatchNorm(Parameters& parameters,
              std::string const& name,
              std::int64_t channels,
              NormRule rule);
    Var operator()(Tape& tape, Var x) const;
};

/// The same with gamma and beta (C) of any origin.
Var batch_norm(Tape& tape,
               Var x,
               Var gamma,
               Var beta,
               StatisticsGroup const& statistics,
               NormRule const& rule);

/// y = dropout(elu(layer_norm(x))) + shortcut on rows of a ragged batch; x, shortcut and y (N, W).
/// Weights `<name>.gamma`, `<name>.beta` (W).
struct LayerNormBlock {
    ParameterGroup gamma, beta;
    float dropout = 0;

    LayerNormBlock(Parameters& parameters,
                   std::string const& name,
                   std::int64_t width,
                   float dropout);
    Var operator()(Tape& tape, Var x, Var shortcut, TensorRef row_ptr) const;
};

/// What an operator with a batch norm inside does with its statistics, (C) each: in training and
/// calibration it writes those of the batch, in evaluation it reads the stored ones.
struct BatchStatistics {
    TensorRef mean, variance;
};
BatchStatistics batch_statistics(Tape& tape,
                                 StatisticsGroup const& statistics,
                                 std::int64_t channels);
/// Records what follows such an operator: accumulation in calibrate mode, the update by momentum in
/// train mode if the rule says so. `rows`: values that each statistic was taken over.
void record_statistics(Tape& tape,
                       StatisticsGroup const& statistics,
                       BatchStatistics const& batch,
                       std::int64_t rows,
                       NormRule const& rule);
}  // namespace calofuse::layers
