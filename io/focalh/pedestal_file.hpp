/// \file io/focalh/pedestal_file.hpp
/// Pedestals as CSV: `board,channel,hg[,lg]` (or `flat_index,hg`), one row a channel, any order.
/// Channels without a row have pedestal 0. Errors: CF-PED-01 empty, -02 header, -03 not plain text,
/// -04 number of columns, -05 not a number, -06 channel out of range, -07 channel twice,
/// -08 pedestal outside 0..8191, -09 a channel that the map uses has none.
#pragma once

#include <string>
#include <vector>

#include "runtime/focalh/channel_map.hpp"

namespace calofuse {
/// (256) high-gain pedestals.
std::vector<float> read_pedestals(std::string const& path, ChannelMap const& map);
}  // namespace calofuse
