/// \file models/layers/table.hpp
/// Columns of the events as one row of standardised numbers: the input layer of networks on tables.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/engine/batch.hpp"
#include "models/engine/tape.hpp"
#include "models/layers/standardise.hpp"
#include "runtime/dataset.hpp"

namespace calofuse::layers {
class Table {
  public:
    /// `columns`: names with commas between them. `key` is the setting that they come from.
    /// Errors: CF-MOD-05 none, or one that is not there (with what there is), -06 a ragged one.
    Table(std::string const& columns, char const* key, Dataset const& data);

    std::int64_t features() const { return features_; }  ///< F, of all columns together
    std::vector<std::string> const& columns() const { return columns_; }
    /// Mean and deviation of each number over the rows become state of the parameters.
    void fit(Standardise const& scaling,
             Parameters& parameters,
             Dataset const& data,
             std::span<std::int32_t const> rows) const;
    /// (B, F)
    Var operator()(Tape& tape, Batch const& batch, Standardise const& scaling) const;

  private:
    std::vector<std::string> columns_;
    std::vector<std::int64_t> widths_;
    std::int64_t features_ = 0;
};
}  // namespace calofuse::layers
