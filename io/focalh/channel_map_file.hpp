/// \file io/focalh/channel_map_file.hpp
/// The channel map as CSV. Columns are found by name, in any order and case:
///   board, channel (or flat_index = 64 board + channel), module, row, col; others are ignored.
/// Unused channels: no row, or -1 as module, row and col. Each of the 249 cells needs one channel.
/// Errors: CF-MAP-01 empty, -02 header, -03 not plain text, -04 number of columns, -05 not an integer,
/// -06 channel out of range, -07 channel twice, -08 cell twice, -09 cell missing, -10 module out of
/// range, -11 row or column outside its module, -12 not the map of the store (78), -13 board order (64).
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>

#include "io/atomic_file.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse {
ChannelMap read_channel_map(std::string const& path);
void write_channel_map(std::string const& path,
                       ChannelMap const& map,
                       Overwrite overwrite = Overwrite::no);

/// "1,0,2,3": board b of the data is board order[b] of the map. A permutation of 0..3.
std::array<int, 4> parse_board_order(std::string const& text);

/// SHA-256 of the canonical text.
std::string digest_of(ChannelMap const& map);
/// Throws CF-MAP-12 if the maps differ; `where` names the one that was stored.
void check_same_map(ChannelMap const& given, ChannelMap const& stored, std::string const& where);

/// What the data say about the map. A channel is empty if it is 0 in (nearly) every event.
struct BoardCheck {
    std::vector<std::int32_t> empty;     ///< empty channels of the data
    std::vector<std::int32_t> expected;  ///< unused channels of the map
    bool fits = true;  ///< the expected channels are empty (dead ones may be, too)
    /// Board orders of `map` under which they are, if the present one is not among them.
    std::vector<std::array<int, 4>> better;
    /// One line for a warning; empty if the data fit or tell nothing (fewer than 100 events, or
    /// no empty channels at all).
    std::string warning;
};
/// `zeros[c]` of `num_events` events have 0 in channel c; `board_order` is the one in use, `map` the
/// map without it.
BoardCheck check_boards(ChannelMap const& map,
                        std::array<int, 4> const& board_order,
                        std::span<std::int64_t const> zeros,
                        std::int64_t num_events);
}  // namespace calofuse
