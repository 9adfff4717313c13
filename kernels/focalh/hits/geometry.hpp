/// \file kernels/focalh/hits/geometry.hpp
/// Where the 249 cells are and which of them touch, in whole numbers: in position units
/// (kernels/focalh/hits.hpp) a module is 35 wide and its cells 7, in the centre module 5.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/config.hpp"
#include "runtime/focalh/channel_map.hpp"

namespace calofuse {
struct CellPlace {
    int module, row, col;
    int pitch;
    int x, y;  ///< of the centre, from the middle of the detector; x to the right, y up
};

CALOFUSE_HD constexpr int module_of_cell(int cell)
{
    int const outer = cell < module_begin(kCentreModule) ? cell / 25 : (cell - 24) / 25;
    bool const centre =
        cell >= module_begin(kCentreModule) && cell < module_begin(kCentreModule + 1);
    return centre ? kCentreModule : outer;
}

CALOFUSE_HD constexpr CellPlace cell_place(int cell)
{
    constexpr int kModulePitch = 35;
    int const module = module_of_cell(cell);
    int const side = module_side(module);
    int const within = cell - module_begin(module);
    int const row = within / side;
    int const col = within % side;
    int const pitch = kModulePitch / side;
    int const middle = (side - 1) / 2;
    return {module,
            row,
            col,
            pitch,
            kModulePitch * (module % 3 - 1) + pitch * (col - middle),
            kModulePitch * (1 - module / 3) + pitch * (middle - row)};
}

/// Whether the closed squares of two cells have a point in common.
constexpr bool cells_touch(CellPlace const& a, CellPlace const& b)
{
    int const dx = a.x < b.x ? b.x - a.x : a.x - b.x;
    int const dy = a.y < b.y ? b.y - a.y : a.y - b.y;
    return 2 * dx <= a.pitch + b.pitch && 2 * dy <= a.pitch + b.pitch;
}

/// of[k]: set of the cells that touch cell k, without itself; cell j is bit j % 64 of word j / 64.
struct TouchTable {
    std::uint64_t of[kNumCells][4];
};
constexpr TouchTable make_touch_table()
{
    TouchTable table{};
    CellPlace place[kNumCells]{};
    for (int k = 0; k < kNumCells; ++k)
        place[k] = cell_place(k);
    for (int k = 0; k < kNumCells; ++k)
        for (int j = 0; j < k; ++j)
            if (cells_touch(place[k], place[j])) {
                table.of[k][j / 64] |= std::uint64_t{1} << (j % 64);
                table.of[j][k / 64] |= std::uint64_t{1} << (k % 64);
            }
    return table;
}

/// A module as a bit board: cell (row, col) is bit row * side + col.
struct Board {
    int side;
    std::uint64_t not_left;   ///< all cells but column 0
    std::uint64_t not_right;  ///< all cells but the last column
};
constexpr Board board_of(int side)
{
    Board b{side, 0, 0};
    for (int i = 0; i < side * side; ++i) {
        b.not_left |= std::uint64_t{i % side != 0} << i;
        b.not_right |= std::uint64_t{i % side != side - 1} << i;
    }
    return b;
}
inline constexpr Board kOuterBoard = board_of(module_side(0));
inline constexpr Board kCentreBoard = board_of(module_side(kCentreModule));

/// The cells of `set` and all their neighbours (bits above the board may be set).
CALOFUSE_HD constexpr std::uint64_t dilated(Board const& board, std::uint64_t set)
{
    std::uint64_t const rows = set | ((set & board.not_right) << 1) | ((set & board.not_left) >> 1);
    return rows | (rows << board.side) | (rows >> board.side);
}

/// The connected part of `rest` that holds its first cell.
CALOFUSE_HD constexpr std::uint64_t first_component(Board const& board, std::uint64_t rest)
{
    std::uint64_t component = rest & (~rest + 1);
    for (std::uint64_t grown = dilated(board, component) & rest; grown != component;
         grown = dilated(board, component) & rest)
        component = grown;
    return component;
}
}  // namespace calofuse
