/// \file models/engine/var.hpp
/// What layers hand to each other.
#pragma once

#include "runtime/tensor.hpp"

namespace calofuse {
/// A value and the place its gradient is added to (empty: no gradient is wanted).
struct Var {
    TensorRef value;
    TensorRef grad;

    Var reshaped(std::initializer_list<std::int64_t> shape) const
    {
        return {value.reshaped(shape), grad.empty() ? grad : grad.reshaped(shape)};
    }
};
}  // namespace calofuse
