/// \file tests/io/import/import_test.cpp
/// Every form of recipe on files made by hand: what comes out is known number by number.
#include <hdf5.h>
#include <numeric>

#include "tests/io/import/import_case.hpp"

namespace calofuse::test {
namespace {
Numbers count_to(int n)
{
    Numbers out(static_cast<std::size_t>(n));
    std::iota(out.begin(), out.end(), 0);
    return out;
}

TEST(Import, AnImageItsScalarsAndItsClass)
{
    ImportCase const c;
    for (ZipOptions const zip :
         {ZipOptions{}, ZipOptions{.deflate = true}, ZipOptions{.deflate = true, .zip64 = true}}) {
        c.put("a.npz", zip_bytes({{"X.npy", npy_numbers("<f4", "(2, 3, 2, 2)", count_to(24))},
                                  {"pt.npy", npy_numbers(">f8", "(2,)", {5, 6})},
                                  {"m.npy", npy_numbers("<i2", "(2,)", {-7, 8})},
                                  {"y.npy", npy_numbers("<f8", "(2,)", {1, 0})}},
                                 zip));
        Imported const got = c.take(R"(
files = "a.npz"
[[column]]
name = "image"
array = "X"
transpose = [1, 2, 0]
names = ["r", "g", "b"]
unit = "GeV"
[[column]]
name = "jet"
stack = ["pt", "m"]
[[column]]
name = "label"
array = "y"
classes = ["quark", "gluon"])");
        Column const& image = got.data.at("image");
        EXPECT_EQ(image.spec.shape, (Shape{2, 2, 3}));
        EXPECT_EQ(image.spec.unit, "GeV");
        EXPECT_EQ(image.spec.names, (std::vector<std::string>{"r", "g", "b"}));
        EXPECT_EQ(numbers(image), (Numbers{0,  4,  8,  1,  5,  9,  2,  6,  10, 3,  7,  11,
                                           12, 16, 20, 13, 17, 21, 14, 18, 22, 15, 19, 23}));
        EXPECT_EQ(numbers(got.data.at("jet")), (Numbers{5, -7, 6, 8}));
        EXPECT_EQ(got.data.at("jet").spec.names, (std::vector<std::string>{"pt", "m"}));
        EXPECT_EQ(got.data.at("label").spec.dtype, DType::u8);
        EXPECT_EQ(got.data.at("label").spec.names, (std::vector<std::string>{"quark", "gluon"}));
        EXPECT_EQ(numbers(got.data.at("label")), (Numbers{1, 0}));
        EXPECT_EQ(got.data.files.at(0).path, "a.npz");
        EXPECT_EQ(got.data.files.at(0).sha256, sha256_of_file(c.folder / "a.npz"));
        EXPECT_EQ(got.counts.read, 2);
        EXPECT_EQ(got.counts.written, 2);
    }
}

TEST(Import, PicksShapesFortranOrderAndTypes)
{
    ImportCase const c;
    c.put("f.npy", npy_numbers("<i4", "(2, 3)", {0, 3, 1, 4, 2, 5}, true));
    c.put("u.npy", npy_numbers(">u8", "(2,)", {7, 9}));
    c.put("half.npy", npy_bytes(npy_dict("<f2", "(2,)"), std::string("\x00\x3c\x01\x80", 4)));
    c.put("flag.npy", npy_bytes(npy_dict("|b1", "(2,)"), std::string("\1\0", 2)));
    c.put("wide.npy", npy_numbers("<f4", "(2, 2, 3)", count_to(12)));
    Imported const got = c.take(R"(
[[column]]
name = "picked"
file = "f.npy"
pick = [2, 0]
[[column]]
name = "u"
file = "u.npy"
dtype = "u16"
[[column]]
name = "half"
file = "half.npy"
[[column]]
name = "flag"
file = "flag.npy"
[[column]]
name = "shaped"
file = "wide.npy"
transpose = [1, 0]
shape = [6])");
    EXPECT_EQ(got.data.at("picked").spec.dtype, DType::i32);
    EXPECT_EQ(numbers(got.data.at("picked")), (Numbers{2, 0, 5, 3}));
    EXPECT_EQ(got.data.at("u").spec.dtype, DType::u16);
    EXPECT_EQ(numbers(got.data.at("u")), (Numbers{7, 9}));
    EXPECT_EQ(numbers(got.data.at("half")), (Numbers{1, -0x1p-24}));
    EXPECT_EQ(got.data.at("flag").spec.dtype, DType::u8);
    EXPECT_EQ(numbers(got.data.at("flag")), (Numbers{1, 0}));
    EXPECT_EQ(got.data.at("shaped").spec.shape, (Shape{6}));
    EXPECT_EQ(numbers(got.data.at("shaped")), (Numbers{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11}));
}

/// Three events of 2, 0 and 1 rows, said in four ways.
TEST(Import, RaggedRowsByStartsCountsMaskAndPad)
{
    std::string const flat = npy_numbers("<f4", "(3, 2)", {1, 2, 3, 4, 5, 6});
    std::string const padded =
        npy_numbers("<f4", "(3, 2, 2)", {1, 2, 3, 4, -1, 0, -1, 0, 5, 6, -1, 0});
    ImportCase const c;
    c.put("a.npz", zip_bytes({{"flat.npy", flat},
                              {"padded.npy", padded},
                              {"starts.npy", npy_numbers("<i4", "(4,)", {0, 2, 2, 3})},
                              {"counts.npy", npy_numbers("|u1", "(3,)", {2, 0, 1})},
                              {"mask.npy", npy_numbers("|u1", "(3, 2)", {1, 1, 0, 0, 1, 0})}}));
    std::string const column = "\n[[column]]\nname = \"hits.x\"\narray = ";
    for (std::string const& recipe :
         {"starts = \"starts\"" + column + "\"flat\"", "counts = \"counts\"" + column + "\"flat\"",
          "counts = \"counts\"\npadded = true" + column + "\"padded\"",
          "mask = \"mask\"" + column + "\"padded\"",
          "array = \"padded\"\npad = -1" + column + "\"padded\"",
          "array = \"padded\"\nfeature = 1\npad = 0" + column + "\"padded\""}) {
        Imported const got = c.take("files = \"a.npz\"\n[[table]]\nname = \"hits\"\n" + recipe);
        EXPECT_EQ(got.data.size(), 3) << recipe;
        EXPECT_EQ(got.data.start.at("hits"), (Shape{0, 2, 2, 3})) << recipe;
        EXPECT_EQ(numbers(got.data.at("hits.x")), (Numbers{1, 2, 3, 4, 5, 6})) << recipe;
        EXPECT_EQ(got.data.at("hits.x").spec.shape, (Shape{2})) << recipe;
    }
}

TEST(Import, ListsOfArraysFollowEachOther)
{
    ImportCase const c;
    c.put("a.npz", zip_bytes({{"tr.npy", npy_numbers("<f4", "(2,)", {1, 2})},
                              {"te.npy", npy_numbers("<f4", "(3,)", {3, 4, 5})},
                              {"pos.npy", npy_numbers("<f4", "(2, 2)", {8, 9, 10, 11})}}));
    Imported const got = c.take(R"(
files = ["a.npz"]
select = "test < 0.5"
[[column]]
name = "x"
array = ["te", "tr"]
[[column]]
name = "test"
value = [0, 1]
store = false
[[column]]
name = "label"
value = [2, 0]
classes = ["a", "b", "c"]
[[column]]
name = "position"
array = "pos"
constant = true)");
    EXPECT_EQ(numbers(got.data.at("x")), (Numbers{3, 4, 5}));
    EXPECT_EQ(numbers(got.data.at("label")), (Numbers{2, 2, 2}));
    EXPECT_FALSE(got.data.has("test"));
    EXPECT_EQ(got.not_selected, 2);
    EXPECT_EQ(got.counts.read, 3);
    EXPECT_EQ(got.data.constants.at("position").spec.shape, (Shape{2, 2}));
    EXPECT_EQ(numbers(got.data.constants.at("position")), (Numbers{8, 9, 10, 11}));
}

TEST(Import, AFilePerClassWithTruthBesideIt)
{
    ImportCase const c;
    c.put("cat/a.npy", npy_numbers("<i2", "(2, 2)", {1, 2, 3, 4}));
    c.put("dog/b.npy", npy_numbers("<i2", "(1, 2)", {5, 6}));
    c.put("truth/a.npy", npy_numbers("<f4", "(2, 2)", {0, 10, 0, 20}));
    c.put("truth/b.npy", npy_numbers("<f4", "(1, 2)", {0, 30}));
    std::string const recipe = R"(
files = ["cat/*.npy", "dog/*.npy"]
[[column]]
name = "adc"
dtype = "u16"
[[column]]
name = "label"
value = { "cat/*" = 0, "dog/*" = 1 }
classes = ["cat", "dog"]
[[column]]
name = "energy"
file = "truth/{stem}.npy"
pick = [1])";
    Imported const got = c.take(recipe);
    EXPECT_EQ(numbers(got.data.at("adc")), (Numbers{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(numbers(got.data.at("label")), (Numbers{0, 0, 1}));
    EXPECT_EQ(numbers(got.data.at("energy")), (Numbers{10, 20, 30}));
    EXPECT_EQ(got.data.file_id, (std::vector<std::uint16_t>{0, 0, 1}));
    EXPECT_EQ(got.data.event_index, (std::vector<std::uint32_t>{0, 1, 0}));
    EXPECT_EQ(got.data.files.at(1).path, "dog/b.npy");
    EXPECT_EQ(got.data.files.at(1).num_events, 1);
    EXPECT_EQ(got.inputs.size(), 4U);
    Imported const one = c.take(recipe, {.inputs = {c.folder / "dog/b.npy"}, .progress = {}});
    EXPECT_EQ(numbers(one.data.at("adc")), (Numbers{5, 6}));
    EXPECT_EQ(numbers(one.data.at("label")), (Numbers{1}));
}

TEST(Import, ACsvTablePlainAndPacked)
{
    std::string const text =
        "x,Energy,class,id\n1,20,0,36028797018963969\n2,5,1,1\n3,nan,1,2\n"
        "4,40.5,1,3\n";
    ImportCase const c;
    c.put("a.csv", text);
    gzFile const file = gzopen((c.folder / "a.csv.gz").c_str(), "wb");
    gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
    for (char const* const name : {"a.csv", "a.csv.gz"}) {
        Imported const got = c.take(std::string("files = \"") + name + R"("
not_finite = "drop"
select = ["x != 4", "x >= 1"]
[[column]]
name = "x"
array = "x"
[[column]]
name = "energy"
array = "Energy"
[[column]]
name = "label"
array = "class"
classes = ["a", "b"]
[[column]]
name = "id"
array = "id")");
        EXPECT_EQ(numbers(got.data.at("energy")), (Numbers{20, 5})) << name;
        EXPECT_EQ(numbers(got.data.at("label")), (Numbers{0, 1})) << name;
        ASSERT_EQ(got.data.at("id").spec.dtype, DType::i64) << name;
        EXPECT_EQ(got.data.at("id").values<std::int64_t>()[0], 36028797018963969) << name;
        EXPECT_EQ(got.not_selected, 1) << name;
        EXPECT_EQ(got.counts.read, 3) << name;
        EXPECT_EQ(got.counts.dropped[static_cast<std::size_t>(DropReason::not_finite)], 1) << name;
        EXPECT_EQ(got.data.event_index, (std::vector<std::uint32_t>{0, 1})) << name;
    }
}

TEST(Import, DatasetsOfAnHdf5File)
{
    ImportCase const c;
    hid_t const file =
        H5Fcreate((c.folder / "a.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t const group = H5Gcreate2(file, "jets", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hsize_t const dims[2] = {2, 2};
    hid_t const plane = H5Screate_simple(2, dims, nullptr),
                row = H5Screate_simple(1, dims, nullptr);
    double const x[4] = {1, 2, 3, 4};
    short const y[2] = {0, 1};
    hid_t const dx =
        H5Dcreate2(group, "x", H5T_IEEE_F64BE, plane, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hid_t const dy =
        H5Dcreate2(file, "y", H5T_STD_I16LE, row, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(dx, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, x);
    H5Dwrite(dy, H5T_NATIVE_SHORT, H5S_ALL, H5S_ALL, H5P_DEFAULT, y);
    for (hid_t const dataset : {dx, dy})
        H5Dclose(dataset);
    for (hid_t const space : {plane, row})
        H5Sclose(space);
    H5Gclose(group);
    H5Fclose(file);
    std::string const recipe =
        "files = \"a.h5\"\n[[column]]\nname = \"x\"\narray = \"jets/x\"\n"
        "[[column]]\nname = \"y\"\narray = \"";
    Imported const got = c.take(recipe + "y\"");
    EXPECT_EQ(got.data.at("x").spec.dtype, DType::f32);
    EXPECT_EQ(numbers(got.data.at("x")), (Numbers{1, 2, 3, 4}));
    EXPECT_EQ(numbers(got.data.at("y")), (Numbers{0, 1}));
    auto const e = error_of([&] { c.take(recipe + "jets/y\""); });
    ASSERT_TRUE(e.has_value());
    EXPECT_EQ(e->code(), "CF-SRC-02");
    EXPECT_NE(std::string(e->what()).find("it has: jets/x, y"), std::string::npos) << e->what();
}

TEST(Import, TheExamplesParse)
{
    int recipes = 0;
    for (auto const& entry : std::filesystem::recursive_directory_iterator(CALOFUSE_RECIPES))
        if (entry.path().extension() == ".toml") {
            EXPECT_FALSE(recipe::read_recipe(entry.path().string()).columns.empty());
            ++recipes;
        }
    EXPECT_GE(recipes, 9);
}

TEST(ImportWarnings, ConstantColumns)
{
    ImportCase const c;
    c.put("a.npz", zip_bytes({{"x.npy", npy_numbers("<f4", "(2, 3)", {1, 2, 3, 4, 2, 3})},
                              {"y.npy", npy_numbers("<f4", "(2,)", {7, 7})}}));
    Imported const got = c.take(
        "files = \"a.npz\"\n[[column]]\nname = \"x\"\narray = \"x\"\nnames "
        "= [\"a\", \"b\", \"c\"]\n[[column]]\nname = \"y\"\narray = \"y\"");
    ASSERT_EQ(got.warnings.size(), 2U);
    EXPECT_EQ(got.warnings[0], "column 'x': constant in all 2 rows: b = 2, c = 3");
    EXPECT_EQ(got.warnings[1], "column 'y' is constant: 7 in all 2 rows");
}

/// A smooth blob per channel, in true order (height, width, channels) or plane behind plane.
Dataset blobs(Shape const& shape, bool planes)
{
    std::vector<float> values;
    std::mt19937 rng(3);
    constexpr std::int64_t kSide = 32;
    for (int event = 0; event < 4; ++event) {
        std::vector<float> picture(kSide * kSide * 3);
        for (std::int64_t channel = 0; channel < 3; ++channel) {
            auto const cx = static_cast<double>(rng() % kSide),
                       cy = static_cast<double>(rng() % kSide);
            for (std::int64_t i = 0; i < kSide; ++i)
                for (std::int64_t j = 0; j < kSide; ++j) {
                    double const d2 =
                        (static_cast<double>(i) - cx) * (static_cast<double>(i) - cx)
                        + (static_cast<double>(j) - cy) * (static_cast<double>(j) - cy);
                    std::int64_t const at =
                        planes ? (channel * kSide + i) * kSide + j : (i * kSide + j) * 3 + channel;
                    picture[static_cast<std::size_t>(at)] = static_cast<float>(std::exp(-d2 / 20));
                }
        }
        values.insert(values.end(), picture.begin(), picture.end());
    }
    Dataset data;
    data.event_index = {0, 1, 2, 3};
    data.add(make_column<float>({"image", DType::f32, shape, "", {}}, values));
    return data;
}

TEST(ImportWarnings, ScrambledAxes)
{
    EXPECT_TRUE(column_warnings(blobs({32, 32, 3}, false)).empty());
    auto const scrambled = column_warnings(blobs({32, 32, 3}, true));
    ASSERT_EQ(scrambled.size(), 1U);
    EXPECT_NE(scrambled[0].text.find("axes look scrambled"), std::string::npos)
        << scrambled[0].text;
    EXPECT_NE(scrambled[0].text.find("read as (3, 32, 32)"), std::string::npos)
        << scrambled[0].text;
    auto const first = column_warnings(blobs({3, 32, 32}, true));
    ASSERT_EQ(first.size(), 1U);
    EXPECT_NE(first[0].text.find("channels are not the last axis"), std::string::npos)
        << first[0].text;
}
}  // namespace
}  // namespace calofuse::test
