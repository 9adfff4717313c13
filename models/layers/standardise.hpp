/// \file models/layers/standardise.hpp
/// (x - mean) / spread of F input values, fitted on the training part. Mean and 1 / spread are state of
/// the parameters, so that a checkpoint holds them; kernels/data/take.hpp applies them to a batch.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/engine/parameters.hpp"
#include "runtime/dataset.hpp"

namespace calofuse::layers {
/// Mean and standard deviation of each of F numbers over rows that come one after the other (Welford).
class Moments {
  public:
    explicit Moments(std::int64_t features);
    /// Row `row` of a column of F numbers per row.
    void add(Column const& column, std::int64_t row);
    std::span<double const> mean() const { return mean_; }
    std::vector<double> spread() const;  ///< 0 without rows

  private:
    std::vector<double> mean_, squares_;
    double rows_ = 0;
};

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
