/// \file models/task/targets.hpp
/// Target columns as a head reads them.
#pragma once

#include "models/task.hpp"

namespace calofuse {
/// Names of the classes, or without them the highest known class and 1.
std::int64_t num_classes(Column const& column);

/// Whether an event of this head has a target; `data` has the column.
bool has_target(Head const& head, Dataset const& data, std::int64_t event);

/// Throws CF-TSK-02 unless such a head can read such a column.
void check_type(Head const& head, Column const& column);
[[noreturn]] void throw_no_fit(Head const& head, Column const& column, std::string const& why);
char const* name_of(TaskKind kind);

/// "event 17 (row 5 of 'run_3.npy')"
std::string name_of_event(Dataset const& data, std::int64_t event);
}  // namespace calofuse
