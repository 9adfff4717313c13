/// \file models/layers/linear.hpp
/// Dense layers. As all layers: the constructor adds the weights, the call records the operator. What
/// works on weights of somebody else is a function of the same name in small letters.
#pragma once

#include "kernels/dense/linear.hpp"
#include "models/engine/tape.hpp"

namespace calofuse::layers {
enum class Bias : bool { none, added };

/// How a bias starts beside a kernel with this start: at 0 (Keras), or like the kernel (PyTorch).
constexpr Init init_of_bias(Init kernel)
{
    return kernel == Init::torch_uniform ? Init::torch_uniform : Init::zeros;
}

/// y = x kernel + bias: x (N, in) -> (N, out). Weights `<name>.kernel` (in, out), `<name>.bias` (out).
struct Linear {
    ParameterGroup kernel, bias;
    Bias has_bias = Bias::none;
    LinearGroups groups;
    std::int64_t out = 0;  ///< of one group

    Linear(Parameters& parameters,
           std::string const& name,
           std::int64_t in,
           std::int64_t out,
           Init init,
           Bias has_bias = Bias::added);

    /// Layers side by side (kernels/dense/linear.hpp), (N, G out) in all: one set of weights per name,
    /// which `groups` points to.
    Linear(Parameters& parameters,
           std::vector<std::string> const& names,
           LinearGroups const& groups,
           std::int64_t out,
           Init init);

    /// With a row_ptr the rows are those of a ragged batch.
    Var operator()(Tape& tape, Var x, TensorRef row_ptr = {}) const;
};

/// The same with weights of any origin; an empty `bias` is none.
Var linear(Tape& tape,
           Var x,
           Var kernel,
           Var bias,
           std::int64_t out,
           LinearGroups const& groups = {},
           TensorRef row_ptr = {});
}  // namespace calofuse::layers
