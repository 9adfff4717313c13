#include "io/focalh/channel_columns.hpp"

#include <fmt/core.h>

#include "runtime/focalh/channel_map.hpp"

namespace calofuse {
ChannelColumns::ChannelColumns(CsvTable const& table)
    : table_(table)
    , flat_(table.find({"flat_index", "flat", "index"}))
    , board_(table.find({"board", "boardnum", "board_id"}))
    , channel_(flat_ >= 0 ? table.find({"channel", "channelnum", "ch", "chan"})
                          : table.column({"channel", "channelnum", "ch", "chan"}))
{}

int ChannelColumns::at(std::size_t row) const
{
    bool const has_pair = board_ >= 0 && channel_ >= 0;
    std::int64_t pair = -1;
    if (has_pair) pair = in_range(row, board_, 3) * 64 + in_range(row, channel_, 63);
    if (flat_ < 0 && !has_pair) return in_range(row, channel_, kNumChannels - 1);
    if (flat_ < 0) return static_cast<int>(pair);
    int const flat = in_range(row, flat_, kNumChannels - 1);
    if (has_pair && flat != pair)
        table_.fail(row, "06",
                    fmt::format("flat index {} is not 64 board + channel = {}", flat, pair),
                    "leave one of the two away");
    return flat;
}

int ChannelColumns::in_range(std::size_t row, int column, int last) const
{
    std::int64_t const value = table_.integer(row, column);
    if (value < 0 || value > last)
        table_.fail(row, "06", fmt::format("board or channel {} is outside 0..{}", value, last),
                    "boards count 0..3, channels 0..63, flat indices 0..255");
    return static_cast<int>(value);
}
}  // namespace calofuse
