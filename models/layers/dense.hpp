/// \file models/layers/dense.hpp
/// Dense layers, batch norm, activations and dropout on a tape. A layer allocates its output, records
/// its operator, and records the operator's gradient.
#pragma once

#include "kernels/dense/activation.hpp"
#include "kernels/dense/batch_norm.hpp"
#include "kernels/dense/linear.hpp"
#include "models/engine/parameters.hpp"
#include "models/engine/tape.hpp"
#include "runtime/random.hpp"

namespace calofuse::layers {
struct LinearWeights {
    ParameterGroup kernel, bias;
    LinearGroups groups;
    std::int64_t out = 0;  ///< of one group
};

struct BatchNormWeights {
    ParameterGroup gamma, beta;
    StatisticsGroup statistics;
};

/// How the statistics of evaluation come about.
struct NormRule {
    float epsilon = 1e-3F;
    float momentum = 0.99F;  ///< keras' meaning
    bool running = false;    ///< update them in every training pass by momentum
};

/// One dropout layer of a model, with what makes its random numbers its own.
struct DropoutLayer {
    float rate = 0;
    std::uint64_t seed = 1;
    std::uint32_t number = 0;  ///< of the layer in its model

    std::uint32_t stream() const
    {
        return static_cast<std::uint32_t>(RandomStream::dropout) + number;
    }
};

/// x (N, sum of the groups' widths) -> (N, G * out). `has_bias` false ignores `weights.bias`. Rows are
/// nodes of a ragged batch if a row_ptr is given.
Var linear(Tape& tape,
           Parameters const& parameters,
           Var x,
           LinearWeights const& weights,
           bool has_bias = true,
           TensorRef row_ptr = {});

/// x (N, C) -> (N, C). `gamma`, `beta` (C) may come from other layers.
Var batch_norm(Tape& tape,
               Parameters const& parameters,
               Var x,
               Var gamma,
               Var beta,
               StatisticsGroup const& statistics,
               NormRule const& rule);

Var activation(Tape& tape, Var x, Activation kind, float parameter = 0);

/// The identity outside of training.
Var dropout(Tape& tape, Var x, DropoutLayer const& layer);

/// Rows index[r] of `x` (S, C) -> (R, C).
Var gather_rows(Tape& tape, Var x, TensorRef index);
}  // namespace calofuse::layers
