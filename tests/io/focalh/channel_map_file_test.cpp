#include "io/focalh/channel_map_file.hpp"

#include <algorithm>
#include <fstream>

#include "io/focalh/pedestal_file.hpp"
#include "io/input_file.hpp"
#include "io/sha256.hpp"
#include "tests/support/temp_folder.hpp"

namespace calofuse::test {
namespace {
/// The default map with lines made by `line(cell)` after `header`.
template <class F>
std::string csv(std::string const& header, F&& line)
{
    std::string text = header + "\n";
    for (Cell const& c : ChannelMap::focalh_prototype2().cells)
        text += line(c) + "\n";
    return text;
}
std::string n(int value)
{
    return std::to_string(value);
}
ChannelMap read_text(TempFolder const& folder, std::string const& text)
{
    std::ofstream(folder / "map.csv", std::ios::binary) << text;
    return read_channel_map(folder / "map.csv");
}
}  // namespace

TEST(ChannelMapFile, accepts_the_forms_in_use)
{
    TempFolder const folder;
    auto const want = ChannelMap::focalh_prototype2().channels();
    auto const plain = [](Cell const& c) {
        return n(c.channel / 64) + "," + n(c.channel % 64) + "," + n(c.module) + "," + n(c.row)
               + "," + n(c.col);
    };
    std::string const text = csv("board,channel,module,row,col", plain);
    EXPECT_EQ(read_text(folder, text).channels(), want);
    EXPECT_EQ(
        read_text(folder, "\xef\xbb\xbf# comment\r\n\n" + text + "0,39,-1,-1,-1\n").channels(),
        want);
    std::string crlf;
    for (char const c : text)
        crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
    EXPECT_EQ(read_text(folder, crlf).channels(), want);
    EXPECT_EQ(read_text(folder, text.substr(0, text.size() - 1)).channels(), want);
    EXPECT_EQ(read_text(folder, csv("Col,Row,ModuleNum,x,ChannelNum,BoardNum",
                                    [](Cell const& c) {
                                        return n(c.col) + "," + n(c.row) + "," + n(c.module)
                                               + ",0.5," + n(c.channel % 64) + ","
                                               + n(c.channel / 64);
                                    }))
                  .channels(),
              want);
    EXPECT_EQ(read_text(folder, csv("flat_index,board,channel,module,row,col",
                                    [&](Cell const& c) { return n(c.channel) + "," + plain(c); }))
                  .channels(),
              want);
    EXPECT_EQ(read_text(folder, csv("channel,module,row,col",
                                    [](Cell const& c) {
                                        return n(c.channel) + "," + n(c.module) + "," + n(c.row)
                                               + "," + n(c.col);
                                    }))
                  .channels(),
              want);
    ChannelMap const other = ChannelMap::focalh_prototype2().with_board_order({3, 1, 0, 2});
    write_channel_map(folder / "other.csv", other);
    EXPECT_EQ(read_channel_map(folder / "other.csv").channels(), other.channels());
    EXPECT_EQ(digest_of(other), sha256_of(read_file(folder / "other.csv", 1 << 20)));
    EXPECT_NE(digest_of(other), digest_of(ChannelMap::focalh_prototype2()));
    expect_error([&] { check_same_map(other, ChannelMap::focalh_prototype2(), "a.h5"); },
                 Exit::config, "CF-MAP-12");
    check_same_map(other, other, "a.h5");
}

TEST(ChannelMapFile, board_order)
{
    EXPECT_EQ(parse_board_order("1,0,2,3"), (std::array<int, 4>{1, 0, 2, 3}));
    for (std::string const text :
         {"", "0,1,2", "0,1,2,2", "0,1,2,4", "0 1 2 3", "0,1,2,3,", "a,b,c,d"})
        expect_error([&] { parse_board_order(text); }, Exit::usage, "CF-MAP-13");
}

TEST(ChannelMapFile, data_tell_which_board_order_fits)
{
    auto const map = ChannelMap::focalh_prototype2();
    for (std::array<int, 4> const data_order :
         {std::array<int, 4>{0, 1, 2, 3}, {1, 0, 2, 3}, {0, 3, 2, 1}})
        for (std::array<int, 4> const given : {std::array<int, 4>{0, 1, 2, 3}, {1, 0, 2, 3}}) {
            std::vector<std::int64_t> zeros(kNumChannels, 3);
            for (auto const c : map.with_board_order(data_order).unused_channels())
                zeros[static_cast<std::size_t>(c)] = 1000;
            zeros[200] = 1000;  // a dead channel
            BoardCheck const check = check_boards(map, given, zeros, 1000);
            auto const same_unused = map.with_board_order(data_order).unused_channels()
                                     == map.with_board_order(given).unused_channels();
            EXPECT_EQ(check.fits, same_unused);
            EXPECT_EQ(check.warning.empty(), same_unused);
            if (!same_unused) {
                EXPECT_TRUE(std::find(check.better.begin(), check.better.end(), data_order)
                            != check.better.end());
                EXPECT_NE(check.warning.find("--board-order"), std::string::npos) << check.warning;
            }
        }
    std::vector<std::int64_t> zeros(kNumChannels, 0);
    for (int const c : {62, 63, 103, 127, 190, 191, 255})
        zeros[static_cast<std::size_t>(c)] = 500;
    EXPECT_EQ(
        check_boards(map, {0, 1, 2, 3}, zeros, 500).warning,
        "channels 62, 63, 103, 127, 190, 191, 255 are empty, the map expects 39, 63, 126, 127, "
        "190, 191, 255: boards 0 and 1 look swapped, try --board-order 1,0,2,3");
    zeros.assign(kNumChannels, 0);
    EXPECT_TRUE(check_boards(map, {0, 1, 2, 3}, zeros, 500).warning.empty());
    zeros[5] = zeros[6] = 500;
    EXPECT_FALSE(check_boards(map, {0, 1, 2, 3}, zeros, 500).warning.empty());
}

TEST(PedestalFile, reads_the_high_gain_column)
{
    TempFolder const folder;
    auto const map = ChannelMap::focalh_prototype2();
    std::string text = "board,channel,hg,lg\n";
    for (int c = 255; c >= 0; --c)
        if (c != 39) text += n(c / 64) + "," + n(c % 64) + "," + n(c) + ".5,1\n";
    std::ofstream(folder / "p.csv") << text;
    auto const pedestals = read_pedestals(folder / "p.csv", map);
    ASSERT_EQ(pedestals.size(), 256U);
    EXPECT_EQ(pedestals[200], 200.5F);
    EXPECT_EQ(pedestals[39], 0.0F);
    std::ofstream(folder / "q.csv") << "flat_index,hg\n3,1\n";
    expect_error([&] { read_pedestals(folder / "q.csv", map); }, Exit::data, "CF-PED-09");
}
}  // namespace calofuse::test
