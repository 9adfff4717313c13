/// \file driver/commands/column_view.hpp
/// Columns and ragged tables of a store as `inspect` shows them: lines, JSON, a picture.
#pragma once

#include <span>
#include <string>

#include "driver/commands/result.hpp"
#include "io/store/summary.hpp"

namespace calofuse::commands {
Json json_of(ColumnSummary const& column);
Json json_of(TableSummary const& table);
void print_columns(std::span<ColumnSummary const> columns);
void print_tables(std::span<TableSummary const> tables);
/// Histograms of all columns, three side by side, as an SVG document.
std::string picture_of(std::span<ColumnSummary const> columns);
}  // namespace calofuse::commands
