/// \file io/predictions_file.hpp
/// What a network said about events, and what stands beside it: one file, CSV or HDF5 by its ending.
/// Numbers are written so that reading them back gives the same bits.
///   CSV   file_id,event_index, the columns of `beside`, the columns of the output. A column with rows of
///         several numbers becomes NAME.<name of the number>; classes stand there by name; what is not
///         known (a label that is no class, NaN) is an empty cell.
///   HDF5  /file_id u16, /event_index u32, /output f32 (n, W) and /output_names, /NAME of each column
///         beside it and /NAME_names of its classes or numbers.
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
    /// (n, W) f32: logits of a head's classes, values in the target's unit; spec.names (W) names each.
    Column output;
    /// n rows each: probabilities (f64), targets, weights, what groups are made by (energy_gev).
    std::vector<Column> beside;

    std::int64_t size() const { return static_cast<std::int64_t>(event_index.size()); }
    /// Null if there is none.
    Column const* find(std::string const& name) const;
};

/// Errors: CF-PRD-08 an ending that is neither .csv nor .h5, -09 a name that a CSV cannot hold, and those
/// of atomic_file.
void write_predictions(Predictions const& predictions,
                       std::string const& path,
                       Overwrite overwrite);
/// Throws what `write_predictions` would throw for this path, before any work is done.
void check_predictions_path(std::string const& path, Overwrite overwrite);

/// `output`: names (W) of its columns, all of which the file must have. Of `beside` (name, type, shape,
/// names) what the file has is read, everything else in the file is left alone.
/// Errors: CF-PRD-01 empty, -02 no such column, -03 not plain text, -04 number of columns, -05 not a
/// number, -06 not a class or out of the type's range, -07 HDF5: columns that do not fit together,
/// -08 the ending.
Predictions read_predictions(std::string const& path,
                             ColumnSpec const& output,
                             std::vector<ColumnSpec> const& beside);
}  // namespace calofuse
