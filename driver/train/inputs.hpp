/// \file driver/train/inputs.hpp
/// Numbers that no network can read: NaN and infinity in columns of f32.
#pragma once

#include <cstdint>
#include <string>

#include "models/model.hpp"

namespace calofuse {
/// Of the elements of a column, all rows together.
struct NotFinite {
    std::int64_t count = 0;  ///< 0 for whole numbers
    std::int64_t first = 0;  ///< where count > 0
};
NotFinite not_finite_in(Column const& column);

/// "3 of 600 numbers are not finite, the first is nan in event 17 (row 5 of 'run_3.npy')"
std::string describe(NotFinite const& found, Dataset const& data, Column const& column);

/// Throws CF-DAT-08 where an input of the model is not finite: one pass over its f32 columns, 0.2 s
/// per GB on one core.
void check_inputs(Model const& model, Dataset const& data);
}  // namespace calofuse
