/// \file tests/io/bad_npy_test.cpp
/// The catalogue of bad .npy input: each case is a file, converted as a user would, and must give
/// exactly its code, in one line with a hint, with nothing left behind.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

#include "io/focalh/librarian.hpp"
#include "tests/support/raw_npy.hpp"
#include "tests/support/temp_folder.hpp"

namespace calofuse::test {
namespace {
std::string const kTwoEvents(1024, '\0');

struct Case {
    std::string what;
    std::string bytes;
    std::string code;
};

std::string header(std::string const& dict)
{
    return npy_bytes(dict, kTwoEvents);
}
std::string shape(std::string const& text, std::size_t data_bytes = 1024)
{
    return npy_bytes(npy_dict("<u2", text), std::string(data_bytes, '\0'));
}
std::string type(std::string const& descr)
{
    return npy_bytes(npy_dict(descr, "(2, 256)"), kTwoEvents);
}
std::string value(std::string const& descr, double v)
{
    std::vector<double> values(512, 40);
    values[300] = v;
    return npy_of_events(values, 2, 1, "nc", descr, false);
}

std::vector<Case> damaged_files()
{
    std::string const good = npy_bytes(npy_dict("<u2", "(2, 256)"), kTwoEvents);
    std::string const magic("\x93NUMPY", 6);
    auto const version = [&](int major) {
        std::string bytes = good;
        bytes[6] = static_cast<char>(major);
        return bytes;
    };
    return {{"empty file", "", "CF-NPY-01"},
            {"one byte", good.substr(0, 1), "CF-NPY-02"},
            {"five bytes", good.substr(0, 5), "CF-NPY-02"},
            {"magic alone", good.substr(0, 6), "CF-NPY-02"},
            {"no length", good.substr(0, 9), "CF-NPY-02"},
            {"wrong magic", "\x93NUMPX" + good.substr(6), "CF-NPY-03"},
            {"text", "board,channel,module,row,col\n0,0,1,2,3\n", "CF-NPY-03"},
            {"HDF5", std::string("\x89HDF\r\n\x1a\n") + std::string(200, '\0'), "CF-NPY-03"},
            {"version 0", version(0), "CF-NPY-04"},
            {"version 4", version(4), "CF-NPY-04"},
            {"version 255", version(255), "CF-NPY-04"},
            {"header past the end", good.substr(0, 60), "CF-NPY-05"},
            {"12 bytes ask for 4 GiB", magic + std::string("\2\0\xff\xff\xff\xff", 6), "CF-NPY-06"},
            {"header of 64 KiB and one",
             magic + std::string("\3\0\1\0\1\0", 6) + std::string(70000, ' '), "CF-NPY-06"},
            {"one byte of data missing", good.substr(0, good.size() - 1), "CF-NPY-07"},
            {"no data", good.substr(0, good.size() - 1024), "CF-NPY-07"},
            {"one byte too many", good + "x", "CF-NPY-08"},
            {"two files in one", good + good, "CF-NPY-08"},
            {"zip", "PK\3\4" + std::string(100, '\0'), "CF-NPY-24"},
            {"gzip", "\x1f\x8b\x08" + std::string(100, '\0'), "CF-NPY-24"}};
}

std::vector<Case> malformed_headers()
{
    std::string const order = "'fortran_order': False";
    std::string ones;
    for (int i = 0; i < 33; ++i)
        ones += "1, ";
    return {
        {"a list", header("[1, 2]"), "CF-NPY-09"},
        {"blank", header(" "), "CF-NPY-09"},
        {"unterminated", header("{'descr': '<u2', " + order + ", 'shape': (2, 256), "),
         "CF-NPY-09"},
        {"text behind", header(npy_dict("<u2", "(2, 256)") + " x"), "CF-NPY-09"},
        {"key missing", header("{'descr': '<u2', 'shape': (2, 256)}"), "CF-NPY-09"},
        {"key too many", header("{'descr': '<u2', " + order + ", 'shape': (2, 256), 'a': 1}"),
         "CF-NPY-09"},
        {"key twice", header("{'descr': '<u2', 'descr': '<u2', " + order + ", 'shape': (2, 256)}"),
         "CF-NPY-09"},
        {"escape", header("{'de\\x73cr': '<u2', " + order + ", 'shape': (2, 256)}"), "CF-NPY-09"},
        {"string without end", header("{'descr': '<u2, "), "CF-NPY-09"},
        {"not ASCII", header("{'d\xc3\xa9scr': '<u2', " + order + ", 'shape': (2, 256)}"),
         "CF-NPY-09"},
        {"order is 1", header("{'descr': '<u2', 'fortran_order': 1, 'shape': (2, 256)}"),
         "CF-NPY-09"},
        {"nested", header("{'descr': ('<u2', (2,)), " + order + ", 'shape': (2, 256)}"),
         "CF-NPY-09"},
        {"60,000 brackets", header("{'shape': " + std::string(60000, '(')), "CF-NPY-16"},
        {"60,000 braces", header(std::string(60000, '{')), "CF-NPY-09"},
        {"shape is a number", header(npy_dict("<u2", "512")), "CF-NPY-09"},
        {"shape is (512)", header(npy_dict("<u2", "(512)")), "CF-NPY-09"},
        {"33 dimensions", header(npy_dict("<u2", "(" + ones + ")")), "CF-NPY-09"},
        {"NUL in the header", header(std::string("{\0", 2)), "CF-NPY-09"},
        {"objects", type("|O"), "CF-NPY-10"},
        {"void", type("|V4"), "CF-NPY-10"},
        {"text type", type("<U4"), "CF-NPY-10"},
        {"bytes type", type("|S2"), "CF-NPY-10"},
        {"times", type("<M8[ns]"), "CF-NPY-10"},
        {"structure", header("{'descr': [('a', '<u2')], " + order + ", 'shape': (2, 256)}"),
         "CF-NPY-10"},
        {"bool", type("|b1"), "CF-NPY-12"},
        {"complex", type("<c8"), "CF-NPY-12"},
        {"half", type("<f2"), "CF-NPY-12"},
        {"u3", type("<u3"), "CF-NPY-12"}};
}

std::vector<Case> wrong_shapes_and_values()
{
    std::string const huge = "9223372036854775807";
    return {
        {"no dimension", shape("()", 2), "CF-NPY-14"},
        {"one dimension", shape("(512,)"), "CF-NPY-14"},
        {"four dimensions", shape("(1, 1, 2, 256)"), "CF-NPY-14"},
        {"no events", shape("(0, 256)", 0), "CF-NPY-15"},
        {"negative", shape("(-2, 256)"), "CF-NPY-16"},
        {"real number", shape("(2.0, 256)"), "CF-NPY-16"},
        {"old long", shape("(2L, 256)"), "CF-NPY-16"},
        {"10^30", shape("(1000000000000000000000000000000, 256)"), "CF-NPY-16"},
        {"leading zero", shape("(02, 256)"), "CF-NPY-16"},
        {"overflow", shape("(" + huge + ", 256)"), "CF-NPY-17"},
        {"overflow to small", shape("(4294967296, 4294967296, 256)"), "CF-NPY-17"},
        {"truth file", npy_bytes(npy_dict("<f4", "(16, 8)"), std::string(512, '\0')), "CF-NPY-18"},
        {"255 channels", shape("(2, 255)", 1020), "CF-NPY-18"},
        {"transposed", shape("(256, 2)"), "CF-NPY-18"},
        {"nine planes", shape("(9, 9, 256)", 41472), "CF-NPY-18"},
        {"8192", value("<u2", 8192), "CF-NPY-19"},
        {"65535", value(">u2", 65535), "CF-NPY-19"},
        {"-1", value("<i2", -1), "CF-NPY-19"},
        {"-128", value("<i1", -128), "CF-NPY-19"},
        {"1e20 as float", value("<f4", 1e20), "CF-NPY-19"},
        {"70000 in 8 bytes", value("<i8", 70000), "CF-NPY-12"},
        {"2^63 in 8 bytes", value("<u8", -9.2e18), "CF-NPY-12"},
        {"NaN", value("<f4", NAN), "CF-NPY-20"},
        {"infinity", value("<f8", INFINITY), "CF-NPY-20"},
        {"minus infinity", value(">f4", -INFINITY), "CF-NPY-20"},
        {"half a count", value("<f8", 40.5), "CF-NPY-29"},
        {"ambiguous", shape("(4, 2, 256)", 4096), "CF-NPY-26"},
        {"equal planes", shape("(20, 2, 256)", 20480), "CF-NPY-27"}};
}
}  // namespace

TEST(BadNpy, each_file_of_the_catalogue_gives_its_code)
{
    TempFolder const folder;
    std::filesystem::create_directory(folder / "electron");
    std::string const path = folder / "electron/e_100GeV.npy";
    std::vector<Case> cases = damaged_files();
    for (auto const& more : {malformed_headers(), wrong_shapes_and_values()})
        cases.insert(cases.end(), more.begin(), more.end());
    EXPECT_GE(cases.size(), 70U);
    for (Case const& c : cases) {
        SCOPED_TRACE(c.what);
        std::ofstream(path, std::ios::binary) << c.bytes;
        expect_error([&] { convert({.inputs = {path}, .out = folder / "out.h5"}); }, Exit::data,
                     c.code);
        EXPECT_EQ(folder.num_entries(), 1U);
    }
}

TEST(BadNpy, truncated_at_any_byte)
{
    TempFolder const folder;
    std::string const path = folder / "e.npy";
    std::string const good = npy_of_events(toy_planes(2, 1, 0), 2, 1, "nc", "<u2", false);
    for (std::size_t n = 0; n < good.size(); n += n < 130 ? 1 : 13) {
        std::ofstream(path, std::ios::binary) << good.substr(0, n);
        auto const e = error_of([&] { NpyEventReader reader(path); });
        ASSERT_TRUE(e) << n;
        EXPECT_EQ(e->code(), n == 0    ? "CF-NPY-01"
                             : n < 10  ? "CF-NPY-02"
                             : n < 128 ? "CF-NPY-05"
                                       : "CF-NPY-07")
            << n;
    }
}

TEST(BadNpy, what_is_no_regular_file)
{
    TempFolder const folder;
    std::filesystem::create_directories(folder / "electron/a.npy");
    ASSERT_EQ(::mkfifo((folder / "electron/pipe.npy").c_str(), 0600), 0);
    std::filesystem::create_symlink("loop.npy", folder / "electron/loop.npy");
    std::ofstream(folder / "electron/sparse.npy").close();
    std::error_code none;
    std::filesystem::resize_file(folder / "electron/sparse.npy", std::uintmax_t{1} << 60, none);
    auto const read = [&](std::string const& name) {
        return [&, name] {
            NpyEventReader reader(folder / name);
        };
    };
    expect_error(read("electron/a.npy"), Exit::no_input, "CF-NPY-23");
    expect_error(read("electron/pipe.npy"), Exit::no_input, "CF-NPY-23");
    expect_error(read("electron/loop.npy"), Exit::no_input, "CF-NPY-23");
    expect_error([] { NpyEventReader reader("/dev/zero"); }, Exit::no_input, "CF-NPY-23");
    if (!none) expect_error(read("electron/sparse.npy"), Exit::no_input, "CF-NPY-23");
    expect_error(read("missing.npy"), Exit::no_input, "CF-IO-01");
    expect_error(
        [&] { convert({.inputs = {folder / "electron/pipe.npy"}, .out = folder / "o.h5"}); },
        Exit::no_input, "CF-NPY-23");
}
}  // namespace calofuse::test
