/// \file io/import/import.hpp
/// Arrays of any origin to columns, as a recipe says. Errors of the data, all Exit::data:
///   CF-IMP-01 no events   02 columns of different length   03 starts or counts that fall or are
/// negative
///   04 starts that do not begin at 0 or end at the table's length   05 starts that are no whole
/// numbers
///   of 64 bits   06 a value outside its classes   07 NaN or infinite   08 a value beyond its type
///   09 no whole number   10 axes, picks or names that do not fit   11 a count beyond the padded
/// rows
///   12 a column that changes its type or shape   13 a file that no pattern, or more than one,
/// names
///   14 a constant that differs between files   15 too many files or events   16 no file
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "io/import/recipe.hpp"
#include "io/sha256.hpp"
#include "runtime/dataset.hpp"

namespace calofuse {
struct ImportProgress {
    std::int64_t files_done = 0, files_total = 0;
    std::int64_t events = 0;  ///< so far
};
struct ImportOptions {
    std::vector<std::string> inputs;  ///< files instead of those the recipe names
    std::function<void(ImportProgress const&)> progress;
};
struct Imported {
    Dataset data;
    EventCounts counts;             ///< of the selected events: read = written + dropped
    std::int64_t not_selected = 0;  ///< events of the files that `select` left out
    std::vector<std::string> warnings;
    Manifest inputs;  ///< every file that was read
};
/// Reads file after file; in memory at once: the columns, and the arrays of one file. Paths of the
/// recipe
/// are relative to `folder`.
Imported import_columns(recipe::Recipe const& recipe,
                        std::string const& folder,
                        ImportOptions const& options = {});

struct ColumnWarning {
    std::string kind;  ///< "constant": one number only; "axes": an image's look scrambled
    std::string column, text;
};
std::vector<ColumnWarning> column_warnings(Dataset const& data);
}  // namespace calofuse
