/// \file io/predictions_file.hpp
/// What a network said about events, and what stands beside it: one file, CSV or HDF5 by its ending.
/// CSV columns: file_id, event_index, then the output's columns, then those of `beside`. Numbers are
/// written so that reading them back gives the same bits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/atomic_file.hpp"
#include "runtime/dataset.hpp"

namespace calofuse {
struct Predictions {
    std::vector<std::uint16_t> file_id;      ///< (n)
    std::vector<std::uint32_t> event_index;  ///< (n)
    Column output;  ///< (n, W) f32: logits of a head's classes, values in the target's unit
    std::vector<Column>
        beside;  ///< n rows each: targets, weights, what groups are made by (energy_gev)

    std::int64_t size() const { return static_cast<std::int64_t>(event_index.size()); }
    /// Null if there is none.
    Column const* find(std::string const& name) const;
};

/// Errors: CF-PRD-01 .. (bad rows and columns on reading), those of atomic_file on writing.
void write_predictions(Predictions const& predictions,
                       std::string const& path,
                       Overwrite overwrite);
Predictions read_predictions(std::string const& path);
}  // namespace calofuse
