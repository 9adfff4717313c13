/// \file runtime/focalh/channel_map.hpp
/// Geometry of FoCal-H prototype 2 as plain data: 3 x 3 modules of 6.5 cm, the centre one 7 x 7
/// cells, the others 5 x 5, 249 cells in all, read out by 4 boards of 64 channels.
/// Cells are ordered by (module, row, col); row 0 is the top, col 0 the left; x to the right, y up.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace calofuse {
inline constexpr int kNumChannels = 256;
inline constexpr int kNumCells = 249;
inline constexpr int kNumModules = 9;
inline constexpr int kCentreModule = 4;
inline constexpr double kModuleSideCm = 6.5;

/// Cells along one side of a module.
constexpr int module_side(int module)
{
    return module == kCentreModule ? 7 : 5;
}
/// First cell of a module in cell order; module_begin(9) = 249.
constexpr int module_begin(int module)
{
    return 25 * module + (module > kCentreModule ? 24 : 0);
}

struct Cell {
    std::int32_t channel = 0;  ///< flat index board * 64 + channel, 0..255
    std::int32_t module = 0, row = 0, col = 0;
    double x_cm = 0, y_cm = 0;
};

/// Centre of a cell: x = 6.5 (m%3 - 1) + p (col - (n-1)/2), y = 6.5 (1 - m/3) + p ((n-1)/2 - row),
/// p = 6.5 / n, n = module_side(m).
Cell cell_at(int module, int row, int col);

struct ChannelMap {
    std::array<Cell, kNumCells> cells;  ///< in cell order

    /// The real map of the prototype (the default of every command).
    static ChannelMap focalh_prototype2();

    /// Channel c of the data is channel order[b] * 64 + c % 64 of the map, b = c / 64.
    ChannelMap with_board_order(std::array<int, 4> const& order) const;

    /// Channel of each cell, in cell order: what the unpack operator gathers by.
    std::array<std::int32_t, kNumCells> channels() const;
    /// Channels that no cell uses (7 of 256), ascending.
    std::vector<std::int32_t> unused_channels() const;
    /// Canonical text `board,channel,module,row,col`, one line a cell: digests are taken of this.
    std::string canonical_csv() const;
};

/// Cells whose closed squares touch, corners and module borders included: 1776 directed edges,
/// no self. neighbours[i] lists cells in ascending order.
std::vector<std::vector<std::int32_t>> adjacent_cells();
}  // namespace calofuse
