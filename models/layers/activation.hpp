/// \file models/layers/activation.hpp
/// What acts on every element by itself: activations and dropout.
#pragma once

#include "kernels/dense/activation.hpp"
#include "kernels/math/event_dropout.hpp"
#include "models/engine/tape.hpp"

namespace calofuse::layers {
/// x of any shape -> the same shape.
Var activation(Tape& tape, Var x, Activation kind, float parameter = 0);

inline Var relu(Tape& tape, Var x)
{
    return activation(tape, x, Activation::relu);
}
inline Var leaky_relu(Tape& tape, Var x, float slope)
{
    return activation(tape, x, Activation::leaky_relu, slope);
}
inline Var elu(Tape& tape, Var x, float alpha = 1)
{
    return activation(tape, x, Activation::elu, alpha);
}

/// x (N, C) -> (N, C). Outside of training the identity.
Var dropout(Tape& tape, Var x, float rate);

/// The tape's next dropout, for an operator that does it on the way: off outside of training.
EventDropout next_dropout(Tape& tape, float rate);
}  // namespace calofuse::layers
