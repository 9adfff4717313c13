/// \file models/layers/calo.hpp
/// From raw events to the inputs and module features of a network.
#pragma once

#include "kernels/focalh/module_cnn.hpp"
#include "models/engine/event_input.hpp"
#include "models/layers/dense.hpp"

namespace calofuse::layers {
struct CellInput {
    TensorRef cells;   ///< (B, 249) f32, cell order, scaled
    TensorRef energy;  ///< (B) f32, standardised total charge
};
CellInput unpack(Tape& tape, EventBatch const& batch);

struct ModuleCnnGroups {
    ParameterGroup w1, b1, gamma1, beta1, w2, b2, gamma2, beta2;
    StatisticsGroup norm1, norm2;
    ModuleCnnOptions options;  ///< sets, slope, epsilon; dropout is `dropout` below
    DropoutLayer dropout;
    std::int64_t channels = 64;
    std::int64_t sets = 9;
};

/// x (B, 249) -> (B, 41 C): pooled, normalised, dropped-out features of the nine modules.
Var module_cnn(Tape& tape,
               Parameters const& parameters,
               TensorRef x,
               ModuleCnnGroups const& groups,
               NormRule const& rule);
}  // namespace calofuse::layers
