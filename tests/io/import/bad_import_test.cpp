/// \file tests/io/import/bad_import_test.cpp
/// The catalogue of recipes and sources that are wrong: each gives its code, in one line with a
/// hint.
#include "tests/io/import/import_case.hpp"

namespace calofuse::test {
namespace {
std::string column(std::string const& name, std::string const& rest)
{
    return "[[column]]\nname = \"" + name + "\"\n" + rest + "\n";
}
std::string const kX = "files = \"a.npz\"\n" + column("x", "array = \"x\"");
std::string const kHits =
    "files = \"a.npz\"\n" + column("hits.x", "array = \"hits\"") + "[[table]]\nname = \"hits\"\n";

std::string p4(std::string const& arrays)
{
    return column("hits.p", "p4 = " + arrays + "\nkinematics = \"pt\"");
}
std::string const kGood = "files = \"a.npz\"\n[[table]]\nname = \"hits\"\nstarts = \"good\"\n";

std::string archive()
{
    double const nan = std::nan("");
    return zip_bytes({{"x.npy", npy_numbers("<f4", "(3,)", {1, 2.5, 3})},
                      {"two.npy", npy_numbers("<f4", "(2,)", {1, 2})},
                      {"label.npy", npy_numbers("|u1", "(3,)", {0, 1, 2})},
                      {"nan.npy", npy_numbers("<f4", "(3,)", {0, nan, 2})},
                      {"big.npy", npy_numbers("<f8", "(3,)", {0, 1e300, 2})},
                      {"image.npy", npy_numbers("<f4", "(3, 2, 1)", {1, 2, 3, 4, 5, 6})},
                      {"hits.npy", npy_numbers("<f4", "(4, 1)", {1, 2, nan, 4})},
                      {"falls.npy", npy_numbers("<i8", "(4,)", {0, 3, 2, 4})},
                      {"late.npy", npy_numbers("<i8", "(4,)", {1, 2, 3, 4})},
                      {"short.npy", npy_numbers("<i8", "(4,)", {0, 1, 2, 3})},
                      {"huge.npy", npy_numbers("<u8", "(2,)", {0, -1})},
                      {"half.npy", npy_numbers("<f4", "(2,)", {0, 0.5})},
                      {"good.npy", npy_numbers("<i8", "(4,)", {0, 1, 2, 4})},
                      {"minus.npy", npy_numbers("<i8", "(3,)", {1, -1, 4})},
                      {"sum.npy", npy_numbers("<i8", "(2,)", {9e18, 9e18})},
                      {"p4.npy", npy_numbers("<f8", "(4, 4)", std::vector<double>(16, 1e300))},
                      {"many.npy", npy_numbers("<i8", "(3,)", {1, 3, 1})},
                      {"text.npy", npy_bytes(npy_dict("<U4", "(1,)"), std::string(16, 'a'))}});
}

struct Case {
    std::string what, recipe, code;
    Exit exit = Exit::data;
    std::string says = "";
};

std::vector<Case> bad_data()
{
    std::string const a = "files = \"a.npz\"\n";
    return {
        {"array", a + column("x", "array = \"X_trian\""), "CF-SRC-02", Exit::data,
         "no array 'X_trian' in '"},
        {"which array", a + column("x", ""), "CF-SRC-02"},
        {"text", a + column("x", "array = \"text\""), "CF-NPY-10"},
        {"length", kX + column("y", "array = \"two\""), "CF-IMP-02", Exit::data, "has 2 events"},
        {"stack", a + column("x", "stack = [\"x\", \"two\"]"), "CF-IMP-02"},
        {"class", a + column("y", "array = \"label\"\nclasses = [\"a\", \"b\"]"), "CF-IMP-06",
         Exit::data, "column 'y': 2 is none of the classes 0 to 1: event 2 of 'a.npz'"},
        {"half a class", a + column("y", "array = \"x\"\nclasses = [\"a\", \"b\"]"), "CF-IMP-06"},
        {"number beyond the map",
         a + column("y", "array = \"label\"\nclasses = [\"a\", \"b\"]\nmap = [1, 0]"), "CF-IMP-06",
         Exit::data, "column 'y': 2 is none of the classes 0 to 1: event 2"},
        {"p4 of one number", kGood + p4("\"hits\""), "CF-IMP-10", Exit::data,
         "column 'hits.p': p4 is array 'hits' of '"},
        {"p4 of four times four", kGood + p4("[\"p4\", \"p4\", \"p4\", \"p4\"]"), "CF-IMP-10",
         Exit::data, "a row of it (4, 4)"},
        {"p4 of another length", kHits + "starts = \"good\"\n" + p4("[\"x\", \"x\", \"x\", \"x\"]"),
         "CF-IMP-02"},
        {"p4 too large", kGood + p4("\"p4\""), "CF-IMP-08", Exit::data, "event 0 of 'a.npz'"},
        {"class of a value", kX + column("y", "value = 2\nclasses = [\"a\", \"b\"]"), "CF-IMP-06"},
        {"nan", a + column("y", "array = \"nan\""), "CF-IMP-07", Exit::data,
         "column 'y' is NaN or infinite: event 1 of 'a.npz'"},
        {"nan hit", kHits + "starts = \"good\"\n", "CF-IMP-07", Exit::data, "event 2 of 'a.npz'"},
        {"too big", a + column("y", "array = \"big\""), "CF-IMP-08"},
        {"too big u8",
         a + column("y", "array = \"x\"\ndtype = \"u8\"")
             + column("z", "value = 256\ndtype = \"u8\""),
         "CF-IMP-09", Exit::data, "2.5 is no whole number"},
        {"value too big", kX + column("z", "value = 256\ndtype = \"u8\""), "CF-IMP-08"},
        {"transpose", a + column("y", "array = \"image\"\ntranspose = [0, 0]"), "CF-IMP-10"},
        {"pick", a + column("y", "array = \"image\"\npick = [1]"), "CF-IMP-10"},
        {"pick a number", a + column("y", "array = \"x\"\npick = [0]"), "CF-IMP-10"},
        {"shape", a + column("y", "array = \"image\"\nshape = [3]"), "CF-IMP-10"},
        {"names", a + column("y", "array = \"image\"\nnames = [\"a\", \"b\"]"), "CF-IMP-10"},
        {"falls", kHits + "starts = \"falls\"", "CF-IMP-03", Exit::data,
         "falls at event 1: from 3 to 2"},
        {"begins late", kHits + "starts = \"late\"", "CF-IMP-04", Exit::data,
         "begins at 1, not at 0"},
        {"ends early", kHits + "starts = \"short\"", "CF-IMP-04", Exit::data, "ends at 3"},
        {"overflow", kHits + "starts = \"huge\"", "CF-IMP-05"},
        {"no whole start", kHits + "starts = \"half\"", "CF-IMP-05"},
        {"starts of two axes", kHits + "starts = \"hits\"", "CF-IMP-10"},
        {"negative count", kHits + "counts = \"minus\"", "CF-IMP-03"},
        {"sum of counts", kHits + "counts = \"sum\"", "CF-IMP-05"},
        {"padded count",
         a + column("hits.x", "array = \"image\"")
             + "[[table]]\nname = \"hits\"\ncounts = \"many\"\npadded = true",
         "CF-IMP-11", Exit::data, "event 1 of"},
        {"nothing selected", "select = \"x > 5\"\n" + kX, "CF-IMP-01"},
        {"no file", column("x", "array = \"x\""), "CF-IMP-16"},
        {"no file fits", "files = \"q*.npz\"\n" + column("x", "array = \"x\""), "CF-IMP-16"},
        {"missing file", "files = \"b.npz\"\n" + column("x", "array = \"x\""), "CF-IO-01",
         Exit::no_input},
        {"no pattern fits", kX + column("y", "value = { \"b*\" = 1 }"), "CF-IMP-13"},
        {"ending", "files = \"a.txt\"\n" + column("x", ""), "CF-SRC-01"},
        {"not a zip", "files = \"bad.npz\"\n" + column("x", "array = \"x\""), "CF-NPZ-01"},
        {"cut zip", "files = \"cut.npz\"\n" + column("x", "array = \"x\""), "CF-NPZ-01"},
        {"checksum", "files = \"crc.npz\"\n" + column("x", "array = \"x\""), "CF-NPZ-02"},
        {"claims too much", "files = \"claims.npz\"\n" + column("x", "array = \"x\""), "CF-NPZ-03"},
        {"not HDF5", "files = \"bad.h5\"\n" + column("x", "array = \"x\""), "CF-SRC-04"},
        {"not gzip", "files = \"bad.csv.gz\"\n" + column("x", "array = \"x\""), "CF-CSV-06"},
        {"csv word", "files = \"a.csv\"\n" + column("x", "array = \"x\""), "CF-CSV-05", Exit::data,
         "line 3"},
    };
}

std::vector<Case> bad_recipes()
{
    std::string const select = "select = ";
    std::vector<Case> cases = {
        {"no TOML", "files = [", "CF-REC-01"},
        {"unknown key", kX + "arry = 1", "CF-REC-02", Exit::config, "line 5, column 'x'"},
        {"unknown key at the top", "file = 1\n" + kX, "CF-REC-02"},
        {"type", column("x", "array = 1"), "CF-REC-03"},
        {"dtype", column("x", "dtype = \"f64\""), "CF-REC-03"},
        {"not_finite", "not_finite = \"maybe\"\n" + kX, "CF-REC-03"},
        {"column is no list", "column = 1", "CF-REC-03"},
        {"no column", "files = \"a\"", "CF-REC-04"},
        {"no name", "[[column]]\narray = \"x\"", "CF-REC-04"},
        {"no table", column("hits.x", ""), "CF-REC-04"},
        {"array and stack", column("x", "array = \"x\"\nstack = [\"x\"]"), "CF-REC-04"},
        {"two ways", kHits + "starts = \"a\"\nmask = \"b\"", "CF-REC-04"},
        {"no way", kHits, "CF-REC-04"},
        {"values alone", "files = \"a.npz\"\n" + column("x", "value = 1"), "CF-REC-04"},
        {"lists differ",
         "files = \"a.npz\"\n" + column("x", "array = [\"x\", \"two\"]")
             + column("y", "value = [1, 2, 3]"),
         "CF-REC-04"},
        {"map without classes", column("x", "array = \"x\"\nmap = [0]"), "CF-REC-04"},
        {"map of a value", kX + column("y", "value = 0\nclasses = [\"a\"]\nmap = [0]"),
         "CF-REC-04"},
        {"map to no class", column("x", "array = \"x\"\nclasses = [\"a\"]\nmap = [0, 1]"),
         "CF-REC-04", Exit::config, "map to 1, which is none of 1 classes"},
        {"kinematics of events", column("x", "p4 = \"p4\"\nkinematics = \"pt\""), "CF-REC-04",
         Exit::config, "column 'x': kinematics of a column that is in no ragged table"},
        {"kinematics unknown", kGood + column("hits.p", "p4 = \"p4\"\nkinematics = \"ptt\""),
         "CF-REC-03", Exit::config, "kinematics 'ptt'"},
        {"kinematics without p4", kGood + column("hits.p", "kinematics = \"pt\""), "CF-REC-04"},
        {"p4 without kinematics", kGood + column("hits.p", "p4 = \"p4\""), "CF-REC-04"},
        {"p4 of two arrays", kGood + p4("[\"x\", \"x\"]"), "CF-REC-04", Exit::config,
         "p4 of 2 arrays"},
        {"p4 and array", kGood + p4("\"p4\"\narray = \"p4\""), "CF-REC-04"},
        {"p4 of whole numbers", kGood + p4("\"p4\"\ndtype = \"i32\""), "CF-REC-04"},
        {"name", column("x y", ""), "CF-REC-05"},
        {"own name", column("file_id", ""), "CF-REC-05"},
        {"twice", kX + column("x", ""), "CF-REC-05"},
        {"selection", select + "\"x\"\n" + kX, "CF-REC-06"},
        {"selection of nothing", select + "\"ttv == 0\"\n" + kX, "CF-REC-06", Exit::config,
         "'ttv'"},
    };
    for (Case& c : cases)
        c.exit = Exit::config;
    return cases;
}

class BadImport : public testing::TestWithParam<Case> {};
TEST_P(BadImport, HasItsCodeAndOneLine)
{
    Case const& c = GetParam();
    ImportCase const files;
    files.put("a.npz", archive());
    files.put("a.txt", "x");
    files.put("bad.npz", std::string(100, 'x'));
    files.put("cut.npz", archive().substr(0, 500));
    auto const x =
        std::pair<std::string, std::string>("x.npy", npy_numbers("<f4", "(3,)", {1, 2, 3}));
    files.put("crc.npz", zip_bytes({x}, {.wrong_checksum = true}));
    files.put("claims.npz", zip_bytes({x}, {.deflate = true, .claimed_bytes = 1U << 30}));
    files.put("bad.h5", std::string(1000, 'x'));
    files.put("bad.csv.gz", "x\n1\n");
    files.put("a.csv", "x\n1\ntwo\n");
    auto const run = [&] {
        files.take(c.recipe);
    };
    expect_error(run, c.exit, c.code);
    auto const e = error_of(run);
    ASSERT_TRUE(e.has_value());
    EXPECT_NE(std::string(e->what()).find(c.says), std::string::npos) << e->what();
}
std::string name_of_case(testing::TestParamInfo<Case> const& info)
{
    std::string name = info.param.what;
    for (char& letter : name)
        if (std::isalnum(static_cast<unsigned char>(letter)) == 0) letter = '_';
    return name;
}
INSTANTIATE_TEST_SUITE_P(Data, BadImport, testing::ValuesIn(bad_data()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Recipes, BadImport, testing::ValuesIn(bad_recipes()), name_of_case);
}  // namespace
}  // namespace calofuse::test
