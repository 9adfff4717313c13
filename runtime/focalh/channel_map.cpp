#include "runtime/focalh/channel_map.hpp"

#include <cmath>
#include <cstdio>

namespace calofuse {
namespace {
/// Channel of each cell, one line a row of a module. Two public sources agree on it: the channel
/// maps of the root-clustering-focalh and tb2023_MAY_SPS_data_analysis repositories.
// clang-format off
constexpr std::array<std::int32_t, kNumCells> kFocalhChannels = {
     62,  61,  60,  59,  58,  // module 0
     55,  54,  53,  52,  51,
     48,  47,  46,  45,  44,
     41,  40,  38,  37,  36,
     32,  31,  30,  29,  28,
     57,  56, 118, 119, 120,  // module 1
     50,  49, 110, 111, 112,
     43,  42, 102, 103, 104,
     35,  34,  33,  95,  96,
     27,  26,  25,  88,  89,
    121, 122, 123, 124, 125,  // module 2
    113, 114, 115, 116, 117,
    105, 106, 107, 108, 109,
     97,  98,  99, 100, 101,
     90,  91,  92,  93,  94,
     24,  23,  22,  21,  20,  // module 3
     19,  18,  17,  16,  15,
     14,  13, 142, 141, 140,
    147, 146, 145, 144, 143,
    152, 151, 150, 149, 148,
     12,  11,  10,  72,  73,  74,  75,  // module 4
      9,   8,   7,   6,  69,  70,  71,
      5,   4,   3,   2,  66,  67,  68,
    129, 128,   1,   0, 192,  64,  65,
    132, 131, 130, 193, 194, 195, 196,
    135, 134, 133, 197, 198, 199, 200,
    139, 138, 137, 136, 201, 202, 203,
     83,  84,  85,  86,  87,  // module 5
     78,  79,  80,  81,  82,
     76,  77, 204, 205, 206,
    207, 208, 209, 210, 211,
    212, 213, 214, 215, 216,
    160, 159, 158, 157, 156,  // module 6
    168, 167, 166, 165, 164,
    175, 174, 173, 172, 171,
    182, 181, 180, 179, 178,
    189, 188, 187, 186, 185,
    155, 154, 153, 217, 218,  // module 7
    163, 162, 161, 224, 225,
    170, 169, 231, 232, 233,
    177, 176, 239, 240, 241,
    184, 183, 247, 248, 249,
    219, 220, 221, 222, 223,  // module 8
    226, 227, 228, 229, 230,
    234, 235, 236, 237, 238,
    242, 243, 244, 245, 246,
    250, 251, 252, 253, 254,
};
// clang-format on
}  // namespace

Cell cell_at(int module, int row, int col)
{
    int const n = module_side(module);
    double const pitch = kModuleSideCm / n;
    double const half = (n - 1) / 2.0;
    return {.module = module,
            .row = row,
            .col = col,
            .x_cm = kModuleSideCm * (module % 3 - 1) + pitch * (col - half),
            .y_cm = kModuleSideCm * (1 - module / 3) + pitch * (half - row)};
}

ChannelMap ChannelMap::focalh_prototype2()
{
    ChannelMap map;
    std::size_t i = 0;
    for (int module = 0; module < kNumModules; ++module) {
        int const n = module_side(module);
        for (int row = 0; row < n; ++row) {
            for (int col = 0; col < n; ++col, ++i) {
                map.cells[i] = cell_at(module, row, col);
                map.cells[i].channel = kFocalhChannels[i];
            }
        }
    }
    return map;
}

ChannelMap ChannelMap::with_board_order(std::array<int, 4> const& order) const
{
    std::array<int, 4> place{};  // where board b of the map is found in the data
    for (int data_board = 0; data_board < 4; ++data_board)
        place[static_cast<std::size_t>(order[static_cast<std::size_t>(data_board)])] = data_board;
    ChannelMap out = *this;
    for (Cell& c : out.cells)
        c.channel = place[static_cast<std::size_t>(c.channel / 64)] * 64 + c.channel % 64;
    return out;
}

std::array<std::int32_t, kNumCells> ChannelMap::channels() const
{
    std::array<std::int32_t, kNumCells> out{};
    for (std::size_t i = 0; i < cells.size(); ++i)
        out[i] = cells[i].channel;
    return out;
}

std::vector<std::int32_t> ChannelMap::unused_channels() const
{
    std::array<bool, kNumChannels> used{};
    for (Cell const& c : cells)
        used[static_cast<std::size_t>(c.channel)] = true;
    std::vector<std::int32_t> out;
    for (std::int32_t c = 0; c < kNumChannels; ++c)
        if (!used[static_cast<std::size_t>(c)]) out.push_back(c);
    return out;
}

std::string ChannelMap::canonical_csv() const
{
    std::string text = "board,channel,module,row,col\n";
    for (Cell const& c : cells) {
        char line[64];
        std::snprintf(line, sizeof line, "%d,%d,%d,%d,%d\n", c.channel / 64, c.channel % 64,
                      c.module, c.row, c.col);
        text += line;
    }
    return text;
}

std::vector<std::vector<std::int32_t>> adjacent_cells()
{
    ChannelMap const map = ChannelMap::focalh_prototype2();
    std::vector<std::vector<std::int32_t>> out(kNumCells);
    for (std::size_t i = 0; i < out.size(); ++i) {
        Cell const& a = map.cells[i];
        for (std::size_t j = 0; j < out.size(); ++j) {
            Cell const& b = map.cells[j];
            double const reach =
                0.5 * kModuleSideCm * (1.0 / module_side(a.module) + 1.0 / module_side(b.module));
            bool const touch = std::abs(a.x_cm - b.x_cm) < reach + 1e-6
                               && std::abs(a.y_cm - b.y_cm) < reach + 1e-6;
            if (i != j && touch) out[i].push_back(static_cast<std::int32_t>(j));
        }
    }
    return out;
}
}  // namespace calofuse
