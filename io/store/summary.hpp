/// \file io/store/summary.hpp
/// What is in a column and in a ragged table: for `calofuse inspect`.
#pragma once

#include <string>
#include <vector>

#include "runtime/dataset.hpp"

namespace calofuse {
struct ColumnSummary {
    ColumnSpec spec;
    std::int64_t rows = 0;
    std::int64_t not_a_number = 0, infinite = 0;  ///< of the elements; not in what follows
    std::int64_t zeros = 0;
    double min = 0, max = 0, mean = 0;       ///< 0 where there is no finite element
    std::vector<std::int64_t> class_events;  ///< of a column with classes: rows of each,
    std::int64_t no_class = 0;               ///< and of none of them
    /// Finite elements in equal steps from min to max; whole numbers in steps of whole numbers.
    std::vector<std::int64_t> histogram;
    double low = 0, step = 1;  ///< bin i holds low + i * step <= value < low + (i + 1) * step

    double share_of_zeros() const;
};
ColumnSummary summary_of(Column const& column);

/// Rows per event of a ragged table.
struct TableSummary {
    std::string name;
    std::int64_t rows = 0, min = 0, median = 0, max = 0;
    std::int64_t without = 0;  ///< events that have none
};
TableSummary summary_of_table(std::string const& name, std::vector<std::int64_t> const& start);
}  // namespace calofuse
