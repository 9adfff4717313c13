/// \file models/layers/standardise.hpp
/// (x - mean) / spread of F input values, fitted on the training part. Mean and 1 / spread are state of
/// the parameters, so that a checkpoint holds them; kernels/data/take.hpp applies them to a batch.
#pragma once

#include <span>
#include <string>

#include "models/engine/parameters.hpp"

namespace calofuse::layers {
class Standardise {
  public:
    Standardise() = default;
    /// `<name>.mean` (F), at 0, and `<name>.scale_inverse` (F), at 1.
    Standardise(Parameters& parameters, std::string const& name, std::int64_t features);

    /// After allocate(). A spread of 0 (a constant column) counts as 1.
    void set(Parameters& parameters,
             std::span<double const> mean,
             std::span<double const> spread) const;

    TensorRef mean(Parameters const& parameters) const { return parameters.state(mean_); }
    TensorRef scale_inverse(Parameters const& parameters) const
    {
        return parameters.state(scale_inverse_);
    }

  private:
    std::string name_;
    ParameterGroup mean_, scale_inverse_;
};
}  // namespace calofuse::layers
