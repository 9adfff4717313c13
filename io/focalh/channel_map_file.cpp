#include "io/focalh/channel_map_file.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <utility>

#include "io/focalh/channel_columns.hpp"
#include "io/sha256.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr std::int64_t kMinEvents = 100;
constexpr double kEmptyFraction = 0.999;
}  // namespace

ChannelMap read_channel_map(std::string const& path)
{
    CsvTable const table(path, "CF-MAP");
    ChannelColumns const channels(table);
    int const module_column = table.column({"module", "modulenum", "mod"});
    int const row_column = table.column({"row", "rownum"});
    int const col_column = table.column({"col", "colnum", "column"});

    std::array<std::int64_t, kNumChannels> line_of_channel{};
    std::array<std::int64_t, kNumCells> line_of_cell{};
    ChannelMap map = ChannelMap::focalh_prototype2();
    for (std::size_t r = 0; r < table.num_rows(); ++r) {
        int const channel = channels.at(r);
        std::int64_t& seen = line_of_channel[static_cast<std::size_t>(channel)];
        if (seen != 0)
            table.fail(r, "07",
                       fmt::format("channel {} (board {}, channel {}) stands in line {} too",
                                   channel, channel / 64, channel % 64, seen),
                       "each channel may stand once");
        seen = table.line(r);
        std::int64_t const module = table.integer(r, module_column);
        std::int64_t const row = table.integer(r, row_column);
        std::int64_t const col = table.integer(r, col_column);
        if (module == -1 && row == -1 && col == -1) continue;  // unused channel
        if (module < 0 || module >= kNumModules)
            table.fail(r, "10", fmt::format("module {} is outside 0..8", module),
                       "unused channels have -1 as module, row and col");
        int const side = module_side(static_cast<int>(module));
        if (row < 0 || row >= side || col < 0 || col >= side)
            table.fail(r, "11",
                       fmt::format("row {}, col {} lie outside module {} of {} x {} cells", row,
                                   col, module, side, side),
                       "rows and columns count from 0");
        auto const cell =
            static_cast<std::size_t>(module_begin(static_cast<int>(module)) + row * side + col);
        if (line_of_cell[cell] != 0)
            table.fail(r, "08",
                       fmt::format("module {}, row {}, col {} stands in line {} too", module, row,
                                   col, line_of_cell[cell]),
                       "each cell has one channel");
        line_of_cell[cell] = table.line(r);
        map.cells[cell].channel = channel;
    }
    auto const missing = std::find(line_of_cell.begin(), line_of_cell.end(), 0);
    if (missing != line_of_cell.end()) {
        Cell const& cell = map.cells[static_cast<std::size_t>(missing - line_of_cell.begin())];
        table.fail(CsvTable::kNoRow, "09",
                   fmt::format("{} of 249 cells have no channel, the first is module {}, row {}, "
                               "col {}",
                               std::count(missing, line_of_cell.end(), 0), cell.module, cell.row,
                               cell.col),
                   "the map needs a row for each of the 249 cells");
    }
    return map;
}

void write_channel_map(std::string const& path, ChannelMap const& map, Overwrite overwrite)
{
    write_file_atomically(path, map.canonical_csv(), overwrite);
}

std::array<int, 4> parse_board_order(std::string const& text)
{
    std::array<int, 4> order{};
    std::array<bool, 4> seen{};
    bool good = text.size() == 7;
    for (std::size_t b = 0; b < 4 && good; ++b) {
        int const board = text[2 * b] - '0';
        good = board >= 0 && board < 4 && (b == 3 || text[2 * b + 1] == ',');
        good = good && !std::exchange(seen[static_cast<std::size_t>(board)], true);
        order[b] = board;
    }
    if (!good)
        throw Error(Exit::usage, "CF-MAP-13",
                    "board order " + calofuse::quoted(text, 40) + " is no permutation of 0,1,2,3",
                    "e.g. --board-order 1,0,2,3 for data with boards 0 and 1 swapped");
    return order;
}

std::string digest_of(ChannelMap const& map)
{
    return sha256_of(map.canonical_csv());
}

void check_same_map(ChannelMap const& given, ChannelMap const& stored, std::string const& where)
{
    if (given.channels() == stored.channels()) return;
    std::size_t first = 0;
    while (given.cells[first].channel == stored.cells[first].channel)
        ++first;
    Cell const& cell = stored.cells[first];
    throw Error(Exit::config, "CF-MAP-12",
                fmt::format("channel map differs from that of {}: module {}, row {}, col {} is "
                            "channel {} here and {} there",
                            calofuse::quoted(where), cell.module, cell.row, cell.col,
                            given.cells[first].channel, cell.channel),
                "use the map (and board order) that the data were converted with");
}

BoardCheck check_boards(ChannelMap const& map,
                        std::array<int, 4> const& board_order,
                        std::span<std::int64_t const> zeros,
                        std::int64_t num_events)
{
    BoardCheck out;
    out.expected = map.with_board_order(board_order).unused_channels();
    for (std::int32_t c = 0; c < kNumChannels; ++c)
        if (static_cast<double>(zeros[static_cast<std::size_t>(c)])
            >= kEmptyFraction * static_cast<double>(num_events))
            out.empty.push_back(c);
    if (num_events < kMinEvents || out.empty.empty()) return out;
    // Dead channels are no reason to complain: what counts is that the unused ones are empty.
    auto const fits = [&](std::array<int, 4> const& order) {
        auto const unused = map.with_board_order(order).unused_channels();
        return std::includes(out.empty.begin(), out.empty.end(), unused.begin(), unused.end());
    };
    out.fits = fits(board_order);
    if (out.fits) return out;
    std::array<int, 4> order = {0, 1, 2, 3};
    do {
        if (fits(order)) out.better.push_back(order);
    } while (std::next_permutation(order.begin(), order.end()));
    out.warning = fmt::format(
        "channels {} are empty, the map expects {}",
        fmt::join(std::span(out.empty).first(std::min<std::size_t>(out.empty.size(), 12)), ", "),
        fmt::join(out.expected, ", "));
    if (out.better.empty()) {
        out.warning += "; no board order explains it: is it the right map?";
        return out;
    }
    std::array<int, 4> const& best = out.better.front();
    std::vector<int> moved;
    for (int b = 0; b < 4; ++b)
        if (best[static_cast<std::size_t>(b)] != board_order[static_cast<std::size_t>(b)])
            moved.push_back(b);
    out.warning += fmt::format(": boards {} look swapped, try --board-order {}",
                               fmt::join(moved, " and "), fmt::join(best, ","));
    return out;
}
}  // namespace calofuse
