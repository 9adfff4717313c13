/// \file io/import/table_rows.hpp
/// Which rows of the arrays of a ragged table belong to which event.
#pragma once

#include <optional>

#include "io/import/part.hpp"

namespace calofuse::recipe {
struct TableRows {
    std::vector<std::int64_t> start;  ///< (N + 1): event e has rows start[e] .. start[e + 1]
    /// Where row i lies in the arrays, n * padded + m; empty: at i.
    std::vector<std::int64_t> source;
    std::int64_t padded = 0;  ///< M of arrays (N, M, ...); 0: arrays are flat, (R, ...)
    std::string where;        ///< the array that says so

    std::int64_t num_events() const { return std::ssize(start) - 1; }
    std::int64_t at(std::int64_t i) const
    {
        return source.empty() ? i : source[static_cast<std::size_t>(i)];
    }
};
/// `first_column`: an array of the table, which tells how many padded rows there are; may be null.
/// Errors: CF-IMP-03, -04, -05, -10, -11.
TableRows table_rows(TableRecipe const& table, Part& part, SourceArray const* first_column);
}  // namespace calofuse::recipe
