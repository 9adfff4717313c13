/// \file io/focalh/channel_columns.hpp
/// The columns of a CSV that say which channel a row is about.
#pragma once

#include "io/csv.hpp"

namespace calofuse {
/// `flat_index`, or `board` and `channel` (both if they agree), or `channel` 0..255 alone.
class ChannelColumns {
  public:
    explicit ChannelColumns(CsvTable const& table);
    /// Flat channel 0..255 of a row; code -06 if it is out of range.
    int at(std::size_t row) const;

  private:
    int in_range(std::size_t row, int column, int last) const;
    CsvTable const& table_;
    int flat_, board_, channel_;
};
}  // namespace calofuse
