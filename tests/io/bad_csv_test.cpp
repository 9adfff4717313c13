/// \file tests/io/bad_csv_test.cpp
/// The catalogue of bad channel maps and pedestal files.
#include <fstream>

#include "io/focalh/channel_map_file.hpp"
#include "io/focalh/pedestal_file.hpp"
#include "tests/support/temp_folder.hpp"

namespace calofuse::test {
namespace {
/// The good map with line `line` (1 = first cell) replaced.
std::string map_with(std::size_t line, std::string const& text)
{
    std::string const all = ChannelMap::focalh_prototype2().canonical_csv();
    std::size_t begin = 0;
    for (std::size_t i = 0; i < line; ++i)
        begin = all.find('\n', begin) + 1;
    return all.substr(0, begin) + text + all.substr(all.find('\n', begin));
}
struct Case {
    std::string what, text, code;
};
std::string utf16(std::string const& text)
{
    std::string out = "\xff\xfe";
    for (char const c : text)
        out += std::string{c, '\0'};
    return out;
}
}  // namespace

TEST(BadChannelMap, each_file_of_the_catalogue_gives_its_code)
{
    TempFolder const folder;
    std::string const good = ChannelMap::focalh_prototype2().canonical_csv();
    std::string const rows = good.substr(good.find('\n') + 1);
    // The first cells are channels 62, 61, 60, ... of board 0 in module 0, row 0, col 0, 1, 2, ...
    std::vector<Case> const cases = {
        {"empty", "", "CF-MAP-01"},
        {"blank lines", "\n \n\t\n", "CF-MAP-01"},
        {"comments", "# nothing\n# here\n", "CF-MAP-01"},
        {"no header", rows, "CF-MAP-02"},
        {"unknown header", "a,b,c,d,e\n" + rows, "CF-MAP-02"},
        {"no module column", "board,channel,mod1,row,col\n" + rows, "CF-MAP-02"},
        {"NUL", good + std::string(1, '\0'), "CF-MAP-03"},
        {"UTF-16", utf16(good), "CF-MAP-03"},
        {"quotes", map_with(3, "\"0\",60,0,0,2"), "CF-MAP-03"},
        {"line of 1 MiB", map_with(3, std::string(1 << 20, '1')), "CF-MAP-03"},
        {"column missing", map_with(3, "0,60,0,0"), "CF-MAP-04"},
        {"column too many", map_with(3, "0,60,0,0,2,9"), "CF-MAP-04"},
        {"empty field", map_with(3, "0,,0,0,2"), "CF-MAP-05"},
        {"word", map_with(3, "0,sixty,0,0,2"), "CF-MAP-05"},
        {"blank before a number", map_with(3, "0, 60,0,0,2"), "CF-MAP-05"},
        {"hexadecimal", map_with(3, "0,0x3C,0,0,2"), "CF-MAP-05"},
        {"real number", map_with(3, "0,60.0,0,0,2"), "CF-MAP-05"},
        {"overflow", map_with(3, "0,99999999999999999999,0,0,2"), "CF-MAP-05"},
        {"semicolons", map_with(3, "0;60;0;0;2"), "CF-MAP-04"},
        {"channel 64", map_with(3, "0,64,0,0,2"), "CF-MAP-06"},
        {"channel -1", map_with(3, "0,-1,0,0,2"), "CF-MAP-06"},
        {"board 4", map_with(3, "4,60,0,0,2"), "CF-MAP-06"},
        {"channel twice", map_with(3, "0,61,0,0,2"), "CF-MAP-07"},
        {"cell twice", map_with(3, "0,60,0,0,1"), "CF-MAP-08"},
        {"cell without channel", map_with(3, "0,60,-1,-1,-1"), "CF-MAP-09"},
        {"line missing", map_with(3, ""), "CF-MAP-09"},
        {"header alone", "board,channel,module,row,col\n", "CF-MAP-09"},
        {"module 9", map_with(3, "0,60,9,0,2"), "CF-MAP-10"},
        {"module -1, row 0", map_with(3, "0,60,-1,0,2"), "CF-MAP-10"},
        {"row 5 in a small module", map_with(3, "0,60,0,5,2"), "CF-MAP-11"},
        {"col 7 in the centre", map_with(3, "0,60,4,0,7"), "CF-MAP-11"},
        {"col -1", map_with(3, "0,60,0,0,-1"), "CF-MAP-11"},
        {"flat index contradicts", "flat_index,board,channel,module,row,col\n5,0,60,0,0,2\n",
         "CF-MAP-06"}};
    for (Case const& c : cases) {
        SCOPED_TRACE(c.what);
        std::ofstream(folder / "m.csv", std::ios::binary) << c.text;
        expect_error([&] { read_channel_map(folder / "m.csv"); }, Exit::data, c.code);
    }
    auto const e = error_of([&] {
        std::ofstream(folder / "m.csv", std::ios::binary) << map_with(3, "0,61,0,0,2");
        read_channel_map(folder / "m.csv");
    });
    EXPECT_NE(std::string(e->what()).find("line 4"), std::string::npos) << e->what();
    std::ofstream(folder / "m.csv", std::ios::binary) << good;
    EXPECT_FALSE(error_of([&] { read_channel_map(folder / "m.csv"); }));
    std::ofstream(folder / "big.csv") << std::string(5 << 20, '#');
    expect_error([&] { read_channel_map(folder / "big.csv"); }, Exit::data, "CF-IO-10");
    expect_error([&] { read_channel_map(folder / "none.csv"); }, Exit::no_input, "CF-IO-01");
}

TEST(BadPedestals, each_file_of_the_catalogue_gives_its_code)
{
    TempFolder const folder;
    auto const map = ChannelMap::focalh_prototype2();
    std::vector<Case> const cases = {{"empty", "", "CF-PED-01"},
                                     {"no header", "0,0,40.5\n", "CF-PED-02"},
                                     {"no values", "board,channel\n0,0\n", "CF-PED-02"},
                                     {"NUL", std::string("flat,hg\n0,\0", 11), "CF-PED-03"},
                                     {"decimal comma", "flat,hg\n0,40,5\n", "CF-PED-04"},
                                     {"word", "flat,hg\n0,forty\n", "CF-PED-05"},
                                     {"NaN", "flat,hg\n0,nan\n", "CF-PED-05"},
                                     {"infinity", "flat,hg\n0,inf\n", "CF-PED-05"},
                                     {"channel 256", "flat,hg\n256,40\n", "CF-PED-06"},
                                     {"channel twice", "flat,hg\n0,40\n0,41\n", "CF-PED-07"},
                                     {"negative", "flat,hg\n0,-1\n", "CF-PED-08"},
                                     {"above 13 bits", "flat,hg\n0,8192\n", "CF-PED-08"},
                                     {"channels missing", "flat,hg\n0,40\n", "CF-PED-09"}};
    for (Case const& c : cases) {
        SCOPED_TRACE(c.what);
        std::ofstream(folder / "p.csv", std::ios::binary) << c.text;
        expect_error([&] { read_pedestals(folder / "p.csv", map); }, Exit::data, c.code);
    }
}
}  // namespace calofuse::test
