/// Bad data through the command line, in stores and sources that CaloFuse did not write: each case
/// has its exit code, one error line with its code and exact numbers, one hint, and leaves nothing
/// behind.
#include <nlohmann/json.hpp>

#include "tests/driver/foreign_data.hpp"

namespace calofuse::test {
namespace {
using nlohmann::json;
using Words = std::vector<std::string>;

Change starts(std::vector<std::int64_t> values)
{
    return [values = std::move(values)](hid_t f) {
        replace(f, "hits/start", H5T_NATIVE_INT64, values);
    };
}
Change start_at(std::size_t i, std::int64_t value)
{
    auto values = good_starts();
    values[i] = value;
    return starts(values);
}
void expect_refusal(Outcome const& got, int exit, std::string const& code, Words const& says)
{
    EXPECT_EQ(got.signal, 0);
    EXPECT_EQ(got.exit, exit) << got.err;
    EXPECT_EQ(got.out, "");
    std::string const start = "calofuse: error[" + code + "]: ";
    EXPECT_EQ(got.err.substr(0, start.size()), start) << got.err;
    EXPECT_EQ(std::count(got.err.begin(), got.err.end(), '\n'), 2) << got.err;
    EXPECT_NE(got.err.find("\n  hint: "), got.err.npos) << got.err;
    for (std::string const& part : says)
        EXPECT_NE(got.err.find(part), got.err.npos) << part << "\n" << got.err;
}

struct Bad {
    std::string what;
    Words words;
    std::string code;
    Words says = {};
    Change change = {};
    int exit = 65;
};
std::ostream& operator<<(std::ostream& out, Bad const& bad)
{
    return out << bad.what << " -> " << bad.code;
}
std::string name_of_case(testing::TestParamInfo<Bad> const& info)
{
    std::string out = info.param.what;
    std::replace_if(
        out.begin(), out.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return out;
}

Words train(Words const& more)
{
    Words words = {"train", "--data", "s.h5", "--run-dir", "r", "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
}
Words fcn(Words const& more = {})
{
    Words words = train({"--model", "fcn", "--set", "model.inputs=x"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
}
Words const kEdgeConv =
    train({"--model", "edge_conv", "--set", "points.features=x", "--set", "points.position=x"});

class BadStore : public testing::TestWithParam<Bad> {};

TEST_P(BadStore, is_refused_and_leaves_nothing)
{
    Folder const folder;
    Bad const& bad = GetParam();
    write_foreign(folder / "s.h5", bad.change);
    Words const before = folder.list();
    expect_refusal(run(bad.words, {.folder = folder.path()}), bad.exit, bad.code, bad.says);
    EXPECT_EQ(folder.list(), before);
}

Bad longer_column(std::string const& what, Words const& words)
{
    return {what, words, "CF-DAT-02", {"'s.h5': y has 41 rows, there are 40 events"}, [](hid_t f) {
                replace(f, "events/y", H5T_NATIVE_FLOAT, rising(kRows + 1));
            }};
}
Bad format_1(std::string const& what, Words const& words)
{
    return {what,
            words,
            "CF-H5-19",
            {"'s.h5': store of format 1, this program reads format 2", "calofuse convert --out"},
            [](hid_t f) {
                std::int64_t const version = 1;
                set_attribute(f, "format_version", H5T_NATIVE_INT64, &version);
            }};
}
Change label_7()
{
    return [](hid_t f) {
        poke<std::uint8_t>(f, "events/label", H5T_NATIVE_UINT8, 3, 7);
        hid_t const text = H5Tcopy(H5T_C_S1);
        H5Tset_size(text, 3);
        hid_t const label = H5Dopen2(f, "events/label", H5P_DEFAULT);
        set_attribute(label, "classes", text, "a,b");
        H5Dclose(label);
        H5Tclose(text);
    };
}

INSTANTIATE_TEST_SUITE_P(
    Structure,
    BadStore,
    testing::Values(longer_column("length train", fcn()),
                    longer_column("length inspect", {"inspect", "s.h5"}),
                    longer_column("length verify", {"verify", "s.h5"}),
                    longer_column("length doctor", {"doctor", "--data", "s.h5"}),
                    Bad{"falls",
                        kEdgeConv,
                        "CF-DAT-03",
                        {"'s.h5': hits/start falls at event 3: from 9 to 8"},
                        start_at(3, 9)},
                    Bad{"falls verify",
                        {"verify", "s.h5"},
                        "CF-DAT-03",
                        {"'s.h5': hits/start falls at event 3: from 9 to 8"},
                        start_at(3, 9)},
                    Bad{"ends early",
                        kEdgeConv,
                        "CF-DAT-03",
                        {"'s.h5': hits.x has 80 rows, hits/start ends at 79"},
                        start_at(kRows, 79)},
                    Bad{"overflows",
                        kEdgeConv,
                        "CF-DAT-03",
                        {"hits.x has 80 rows, hits/start ends at 9223372036854775807"},
                        start_at(kRows, std::numeric_limits<std::int64_t>::max())},
                    Bad{"wraps round",
                        {"inspect", "s.h5"},
                        "CF-DAT-03",
                        {"hits/start falls at event 4: from 9223372036854775807 to 10"},
                        start_at(4, std::numeric_limits<std::int64_t>::max())},
                    Bad{"too few starts",
                        kEdgeConv,
                        "CF-DAT-03",
                        {"hits/start has 2 numbers, 40 events need 41"},
                        starts({0, 80})},
                    format_1("format 1 train", fcn()),
                    format_1("format 1 inspect", {"inspect", "s.h5"}),
                    format_1("format 1 verify", {"verify", "s.h5"})),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    Values,
    BadStore,
    testing::Values(
        Bad{"class",
            fcn(),
            "CF-TSK-03",
            {"column 'label': event 3 (row 3 of 'file 0') is of class 7, the classes are 0 to 1"},
            label_7()},
        Bad{"NaN input",
            fcn(),
            "CF-DAT-08",
            {"column 'x': 1 of 120 numbers are not finite, the first is nan in event 5 (row 5 of "
             "'file 0')"},
            with_number("events/x", 3, 16, kNan)},
        Bad{"infinite input",
            fcn(),
            "CF-DAT-08",
            {"column 'x': 1 of 120 numbers are not finite, the first is -inf in event 39"},
            with_number("events/x", 3, 119, -std::numeric_limits<float>::infinity())},
        Bad{"NaN hit",
            kEdgeConv,
            "CF-DAT-08",
            {"column 'hits.x': 1 of 160 numbers are not finite, the first is nan in event 7"},
            with_number("hits/x", 2, 31, kNan)},
        Bad{"NaN target",
            fcn({"--set", "task.target=y"}),
            "CF-TSK-04",
            {"column 'y': event 9 (row 9 of 'file 0') is nan"},
            with_number("events/y", 1, 9, kNan)},
        Bad{"infinite target",
            fcn({"--set", "task.target=y"}),
            "CF-TSK-04",
            {"column 'y': event 0 (row 0 of 'file 0') is inf"},
            with_number("events/y", 1, 0, std::numeric_limits<float>::infinity())}),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    Names,
    BadStore,
    testing::Values(
        Bad{"model names a column",
            train({"--model", "fcn", "--set", "model.inputs=jet"}),
            "CF-MOD-05",
            {"model.inputs names 'jet', which is not there",
             "the store has hits.x (2) f32, label u8, x (3) f32, y f32"},
            {},
            78},
        Bad{"model wants an image",
            train({"--model", "quark_gluon", "--set", "model.table=x"}),
            "CF-DAT-01",
            {"the data have no column 'image'", "they have hits.x (2) f32, label u8"}},
        Bad{"model wants ADC words",
            train({"--model", "hybrid"}),
            "CF-MOD-01",
            {"model hybrid reads column 'adc', which the store does not have",
             "it has hits.x (2) f32, label u8"}},
        Bad{"model wants hits",
            train({"--model", "gat"}),
            "CF-MOD-03",
            {"there is no column 'hits.x'", "set points.features; the store has hits.q (2) f32"},
            [](hid_t f) {
                H5Lmove(f, "hits/x", f, "hits/q", H5P_DEFAULT, H5P_DEFAULT);
            }},
        Bad{"no such model",
            train({"--model", "fnc"}),
            "CF-CFG-10",
            {"no model is called 'fnc'", "models: hybrid, gat"},
            {},
            78},
        Bad{"no target",
            fcn({"--set", "task.target=energy"}),
            "CF-TSK-01",
            {"the data have no column 'energy' (task.target)",
             "they have hits.x (2) f32, label u8"}},
        Bad{"classes of a float",
            fcn({"--set", "task.target=y", "--set", "task.kind=binary"}),
            "CF-TSK-02",
            {"column y f32 cannot be the target of a task of kind binary: classes are integers"}},
        Bad{"target of three numbers",
            fcn({"--set", "task.target=y,x", "--set", "task.kind=regression,classes"}),
            "CF-TSK-02",
            {"column x (3) f32 cannot be the target of a task of kind classes"}},
        Bad{"target of hits",
            fcn({"--set", "task.target=hits.x"}),
            "CF-TSK-02",
            {"column hits.x (2) f32 cannot be the target", "it has a row per row of hits"}}),
    name_of_case);

std::string hits(std::string const& how)
{
    return column("hits.x", "array = \"x\"") + "[[table]]\nname = \"hits\"\n" + how + "\n";
}

/// `words` is the recipe.
class BadSource : public testing::TestWithParam<Bad> {};

TEST_P(BadSource, is_refused_and_leaves_nothing)
{
    Folder const folder;
    Bad const& bad = GetParam();
    write_source(folder, bad.words[0]);
    Words const before = folder.list();
    expect_refusal(run(kConvert, {.folder = folder.path()}), bad.exit, bad.code, bad.says);
    EXPECT_EQ(folder.list(), before);
}

INSTANTIATE_TEST_SUITE_P(
    Convert,
    BadSource,
    testing::Values(
        Bad{"length",
            {kX + column("y", "array = \"short\"")},
            "CF-IMP-02",
            {"array 'short' of 'a.npz' has 3 events, array 'x' of 'a.npz' has 4"}},
        Bad{"falls", {hits("starts = \"falls\"")}, "CF-IMP-03", {"event 1", "from 2 to 1"}},
        Bad{"ends early", {hits("starts = \"early\"")}, "CF-IMP-04", {"ends at 3", "4 rows"}},
        Bad{"overflow", {hits("counts = \"sum\"")}, "CF-IMP-05", {"event 1"}},
        Bad{"class",
            {kX + column("label", "array = \"label\"\nclasses = [\"a\", \"b\"]")},
            "CF-IMP-06",
            {"'label'", "event 2 of 'a.npz'", "2"}},
        Bad{"NaN",
            {kX + column("y", "array = \"nan\"")},
            "CF-IMP-07",
            {"column 'y' is NaN or infinite: event 1 of 'a.npz'", "not_finite = \"drop\""}},
        Bad{"no such array",
            {column("x", "array = \"X_train\"")},
            "CF-SRC-02",
            {"no array 'X_train' in 'a.npz'",
             "it has: x, ones, short, nan, label, falls, early, sum, image"}},
        Bad{"no such file",
            {column("x", "array = \"x\"\nfile = \"b.npz\"")},
            "CF-IO-01",
            {"b.npz"},
            {},
            66},
        Bad{"unknown key",
            {column("x", "arry = \"x\"")},
            "CF-REC-02",
            {"'r.toml' line 4, column 'x'", "arry", "array"},
            {},
            78},
        Bad{"selection of nothing",
            {"select = \"ttv == 0\"\n" + kX},
            "CF-REC-06",
            {"ttv"},
            {},
            78}),
    name_of_case);

TEST(BadInput, not_finite_events_are_dropped_and_counted_on_request)
{
    Folder const folder;
    write_source(folder, "not_finite = \"drop\"\n" + kX + column("y", "array = \"nan\""));
    Words words = kConvert;
    words.push_back("--json");
    Outcome const got = run(words, {.folder = folder.path()});
    ASSERT_EQ(got.exit, 0) << got.err;
    json const events = json::parse(got.out)["events"];
    EXPECT_EQ(events["read"], 4);
    EXPECT_EQ(events["written"], 2);
    EXPECT_EQ(events["dropped"]["not_finite"], 2);
}

TEST(BadInput, scrambled_axes_and_constant_columns_are_warnings)
{
    Folder const folder;
    write_source(folder, column("image", "array = \"image\"") + column("one", "array = \"ones\""));
    Outcome const got = run(kConvert, {.folder = folder.path()});
    ASSERT_EQ(got.exit, 0) << got.err;
    for (char const* said :
         {"warning: column 'image' (32, 32, 3): axes look scrambled: neighbouring pixels correlate",
          "read as (3, 32, 32)", "warning: column 'one' is constant: 1 in all 4 rows"})
        EXPECT_NE(got.err.find(said), got.err.npos) << got.err;
    EXPECT_EQ(folder.list(), (Words{"a.npz", "r.toml", "s.h5", "s.h5.sha256"}));
}

/// The store is a good one but for what a case changes, or all of the above proves nothing.
TEST(BadInput, the_store_of_the_tests_can_be_trained_on)
{
    Folder const folder;
    write_foreign(folder / "s.h5", {});
    Words const small = {"--epochs", "1", "--set", "model.width=8", "--set", "model.layers=1"};
    Outcome const trained = run(fcn(small), {.folder = folder.path()});
    EXPECT_EQ(trained.exit, 0) << trained.err;
    Outcome const verified = run({"verify", "s.h5"}, {.folder = folder.path()});
    EXPECT_EQ(verified.exit, 0) << verified.err;
    EXPECT_EQ(verified.err,
              "calofuse: warning: 's.h5': no manifest: structure checked, digests not\n");
    EXPECT_NE(verified.out.find("40 events: hits.x (2) f32, label u8"), verified.out.npos)
        << verified.out;
    Outcome const document = run({"verify", "s.h5", "--json"}, {.folder = folder.path()});
    json const verify = json::parse(document.out);
    EXPECT_TRUE(verify["ok"].get<bool>());
    EXPECT_EQ(verify["files"][0]["result"], "no manifest");
    EXPECT_EQ(verify["files"][0]["events"], 40);
    write_foreign(folder / "nan.h5", with_number("events/x", 3, 16, kNan));
    Words const before = folder.list();
    expect_refusal(run({"predict", "--run-dir", "r", "--data", "nan.h5", "--out", "p.csv"},
                       {.folder = folder.path()}),
                   65, "CF-DAT-08", {"nan in event 5 (row 5 of 'file 0')"});
    EXPECT_EQ(folder.list(), before);
}
}  // namespace
}  // namespace calofuse::test
