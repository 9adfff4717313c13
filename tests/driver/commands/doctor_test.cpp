/// doctor --data and --run-dir: what is odd about a store and about settings.
#include <nlohmann/json.hpp>

#include "tests/driver/foreign_data.hpp"

namespace calofuse::test {
namespace {
using nlohmann::json;
using Words = std::vector<std::string>;

json doctor_of(Folder const& folder, Words const& more)
{
    Words words = {"doctor", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    Outcome const got = run(words, {.folder = folder.path()});
    EXPECT_EQ(got.exit, 0) << got.err;
    EXPECT_EQ(got.err, "");
    return json::parse(got.out)["data"];
}
/// "kind about" of each finding, in order.
Words kinds_in(json const& data)
{
    Words out;
    for (json const& finding : data["findings"])
        out.push_back(finding["kind"].get<std::string>() + " "
                      + finding["about"].get<std::string>());
    return out;
}

TEST(Doctor, finds_nothing_odd_in_a_good_store)
{
    Folder const folder;
    write_foreign(folder / "s.h5", {});
    json const data = doctor_of(folder, {"--data", "s.h5"});
    EXPECT_EQ(kinds_in(data), Words{});
    EXPECT_EQ(data["events"], 40);
    EXPECT_EQ(data["targets"][0]["classes"], (json{{"0", 20}, {"1", 20}}));
}

TEST(Doctor, names_nan_constants_imbalance_and_missing_targets)
{
    Folder const folder;
    write_foreign(folder / "s.h5", [](hid_t f) {
        with_number("events/x", 3, 16, kNan)(f);
        replace(f, "events/y", H5T_NATIVE_FLOAT, std::vector<float>(kRows, 1.5F));
        std::vector<std::uint8_t> label(kRows, 1);
        label[0] = label[1] = 0;
        label[2] = 255;
        replace(f, "events/label", H5T_NATIVE_UINT8, label);
    });
    json const data = doctor_of(folder, {"--data", "s.h5"});
    EXPECT_EQ(kinds_in(data),
              (Words{"not_finite x", "constant y", "no_target label", "imbalance label"}));
    EXPECT_EQ(data["targets"][0]["without"], 1);
    EXPECT_EQ(data["targets"][0]["classes"], (json{{"0", 2}, {"1", 37}}));
    json const none = doctor_of(folder, {"--data", "s.h5", "--set", "task.target=energy"});
    EXPECT_EQ(kinds_in(none), (Words{"not_finite x", "constant y", "target task.target"}));
    Outcome const text = run({"doctor", "--data", "s.h5"}, {.folder = folder.path()});
    EXPECT_NE(text.out.find("column 'label': 37 events of class 1, 2 of class 0"), text.out.npos)
        << text.out;
    EXPECT_NE(text.out.find("1 of 40 events have no target"), text.out.npos) << text.out;
}

/// The published quark-gluon study: images read in the wrong order, and batch norms whose
/// statistics are those of training only.
TEST(Doctor, names_both_causes_of_the_published_failure)
{
    Folder const folder;
    write_source(folder, column("image", "array = \"image\"") + kX
                             + column("label", "value = [0]\nclasses = [\"quark\", \"gluon\"]"));
    spill(folder / "published.toml",
          "[model]\nnorm_at = \"after\"\nfirst_dropout = 0.3\nimage_dropout = 0.5\n"
          "[train]\nbn_statistics = \"running\"\n");
    ASSERT_EQ(run(kConvert, {.folder = folder.path()}).exit, 0);
    json const data = doctor_of(folder, {"--data", "s.h5", "--config", "published.toml"});
    Words const found = kinds_in(data);
    for (char const* cause :
         {"axes image", "norm_and_dropout model.norm_at", "running_statistics train.bn_statistics"})
        EXPECT_EQ(std::count(found.begin(), found.end(), cause), 1) << data;
    Words const fixed =
        kinds_in(doctor_of(folder, {"--data", "s.h5", "--set", "model.norm_at=before"}));
    EXPECT_EQ(std::count(found.begin(), found.end(), "axes image"), 1) << data;
    for (std::string const& kind : fixed)
        EXPECT_EQ(kind.find("model.norm_at"), kind.npos) << kind;
}

TEST(Doctor, reads_the_settings_of_a_run)
{
    Folder const folder;
    write_foreign(folder / "s.h5", [](hid_t f) {
        replace(f, "events/image", H5T_NATIVE_FLOAT, {.dims = {kRows, 22, 22, 2}},
                rising(kRows * 22 * 22 * 2).data());
    });
    Words const said = {"train",    "--data",
                        "s.h5",     "--run-dir",
                        "r",        "--quiet",
                        "--model",  "quark_gluon",
                        "--epochs", "1",
                        "--set",    "model.table=x",
                        "--set",    "model.filters=2",
                        "--set",    "model.norm_at=after",
                        "--set",    "model.first_dropout=0.25"};
    Outcome const trained = run(said, {.folder = folder.path()});
    ASSERT_EQ(trained.exit, 0) << trained.err;
    json const data = doctor_of(folder, {"--run-dir", "r"});
    ASSERT_EQ(kinds_in(data), Words{"norm_and_dropout model.norm_at"});
    EXPECT_NE(data["findings"][0]["text"].get<std::string>().find("model.first_dropout = 0.25"),
              std::string::npos)
        << data;
}
}  // namespace
}  // namespace calofuse::test
