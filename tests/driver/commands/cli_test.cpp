/// The built program on bad command lines and in bad surroundings: the right exit code, one error
/// line with its code and one hint, nothing on stdout, nothing written, no signal.
#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "tests/driver/program.hpp"

namespace calofuse::test {
namespace {
using nlohmann::json;
using Words = std::vector<std::string>;

void expect_refusal(Outcome const& got, int exit, std::string const& code)
{
    EXPECT_EQ(got.signal, 0);
    EXPECT_EQ(got.exit, exit) << got.err;
    EXPECT_EQ(got.out, "");
    std::string const start = "calofuse: error[" + code + "]: ";
    EXPECT_EQ(got.err.substr(0, start.size()), start) << got.err;
    auto const lines = std::count(got.err.begin(), got.err.end(), '\n');
    EXPECT_EQ(lines, 2) << got.err;
    EXPECT_NE(got.err.find("\n  hint: "), got.err.npos) << got.err;
    EXPECT_LT(got.err.size(), 800U);
    for (char const c : got.err)
        EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << got.err;
}

struct Bad {
    Words words;
    int exit;
    std::string code;
    Words environment = {};
};
std::ostream& operator<<(std::ostream& out, Bad const& bad)
{
    for (std::string const& word : bad.words)
        out << word.substr(0, 30) << ' ';
    return out << "-> " << bad.exit << ' ' << bad.code;
}

class BadLine : public testing::TestWithParam<Bad> {};

TEST_P(BadLine, is_refused_and_leaves_nothing)
{
    Folder const folder;
    spill(folder / "bad.toml", "[train]\nepochs = = 3\n");
    spill(folder / "unknown.toml", "[train]\nepoch = 3\n");
    spill(folder / "type.toml", "[train]\nepochs = \"three\"\n");
    spill(folder / "range.toml", "[train]\nepochs = 0\n");
    spill(folder / "nan.toml", "[train]\nlearning_rate = nan\n");
    spill(folder / "deep.toml", "a = " + std::string(200, '[') + std::string(200, ']') + "\n");
    spill(folder / "device.toml", "[general]\ndevice = \"gpu\"\n");
    spill(folder / "precision.toml", "[general]\nprecision = \"bf16\"\n");
    std::filesystem::create_directory(folder / "empty");
    Words const before = folder.list();
    Bad const& bad = GetParam();
    expect_refusal(run(bad.words, {.folder = folder.path(), .environment = bad.environment}),
                   bad.exit, bad.code);
    EXPECT_EQ(folder.list(), before);
}

INSTANTIATE_TEST_SUITE_P(
    CommandLine,
    BadLine,
    testing::Values(Bad{{}, 64, "CF-CLI-05"},
                    Bad{{""}, 64, "CF-CLI-02"},
                    Bad{{"--"}, 64, "CF-CLI-05"},
                    Bad{{"dctor"}, 64, "CF-CLI-02"},
                    Bad{{"convert", "--out", "a.h5"}, 64, "CF-CLI-05"},  // needs INPUT
                    Bad{{"doctor", "--jsn"}, 64, "CF-CLI-01"},
                    Bad{{"doctor", "more"}, 64, "CF-CLI-02"},
                    Bad{{"doctor", "--seed"}, 64, "CF-CLI-03"},
                    Bad{{"doctor", "--seed", ""}, 64, "CF-CLI-03"},
                    Bad{{"doctor", "--seed="}, 64, "CF-CLI-03"},
                    Bad{{"doctor", "--seed", "0x10"}, 64, "CF-CLI-04"},
                    Bad{{"doctor", "--seed", "1e9"}, 64, "CF-CLI-04"},
                    Bad{{"doctor", "--seed", "-1"}, 64, "CF-CLI-04"},
                    Bad{{"doctor", "--threads", "many"}, 64, "CF-CLI-04"},
                    Bad{{"doctor", "--threads", "-1"}, 64, "CF-CLI-04"},
                    Bad{{"doctor", "--device", "gpu"}, 64, "CF-CLI-04"},
                    Bad{{"doctor", "--precision", "fp8"}, 64, "CF-CLI-04"},
                    Bad{{"doctor", "--seed", "1", "--seed", "1"}, 64, "CF-CLI-04"},
                    Bad{{"doctor", "\xff\xfe"}, 64, "CF-CLI-06"},
                    Bad{{"doctor", "a\nb\x1b[31m"}, 64, "CF-CLI-02"},
                    Bad{{"doctor", std::string(100000, 'x')}, 64, "CF-CLI-02"},
                    Bad{Words(99000, "x"), 64, "CF-CLI-02"},
                    Bad{Words(100001, "x"), 64, "CF-CLI-06"},
                    Bad{{"config"}, 64, "CF-CLI-05"},
                    Bad{{"config", "edit"}, 64, "CF-CLI-04"}));

INSTANTIATE_TEST_SUITE_P(
    Settings,
    BadLine,
    testing::Values(
        Bad{{"config", "dump", "--set", "train.epoch=3"}, 78, "CF-CFG-02"},
        Bad{{"config", "dump", "--set", "train.epochs=three"}, 78, "CF-CFG-03"},
        Bad{{"config", "dump", "--set", "train.epochs=-1"}, 78, "CF-CFG-04"},
        Bad{{"config", "dump", "--set", "train.learning_rate=inf"}, 78, "CF-CFG-04"},
        Bad{{"config", "dump", "--set", "train.epochs"}, 78, "CF-CFG-08"},
        Bad{{"config", "dump", "--set", "=3"}, 78, "CF-CFG-08"},
        Bad{{"config", "dump", "--set", "general.seed=2", "--seed", "3"}, 78, "CF-CFG-05"},
        Bad{{"config", "dump", "--config", "none.toml"}, 66, "CF-CFG-13"},
        Bad{{"config", "dump", "--config", "empty"}, 66, "CF-CFG-13"},
        Bad{{"config", "dump", "--config", "bad.toml"}, 78, "CF-CFG-01"},
        Bad{{"config", "dump", "--config", "unknown.toml"}, 78, "CF-CFG-02"},
        Bad{{"config", "dump", "--config", "type.toml"}, 78, "CF-CFG-03"},
        Bad{{"config", "dump", "--config", "range.toml"}, 78, "CF-CFG-04"},
        Bad{{"config", "dump", "--config", "nan.toml"}, 78, "CF-CFG-04"},
        Bad{{"config", "dump", "--config", "deep.toml"}, 78, "CF-CFG-07"},
        Bad{{"config", "dump"}, 78, "CF-CFG-04", {"CALOFUSE_TRAIN_EPOCHS=0"}},
        Bad{{"config", "dump"}, 78, "CF-CFG-03", {"CALOFUSE_TRAIN_EPOCHS="}},
        Bad{{"config", "dump"}, 78, "CF-CFG-03", {"CALOFUSE_GENERAL_SEED=0x1"}},
        Bad{{"doctor"}, 78, "CF-CFG-20", {"CALOFUSE_ISA=sse9"}}));

TEST(Cli, help_names_every_option_and_gives_an_example)
{
    for (std::string const command : {"", "doctor", "config"}) {
        Words words = {"--help"};
        if (!command.empty()) words.insert(words.begin(), command);
        Outcome const got = run(words);
        EXPECT_EQ(got.exit, 0);
        EXPECT_EQ(got.err, "");
        EXPECT_NE(got.out.find("Example: calofuse"), got.out.npos) << got.out;
        EXPECT_NE(got.out.find("Usage: calofuse"), got.out.npos) << got.out;
    }
}

TEST(Cli, version)
{
    Outcome const got = run({"--version"});
    EXPECT_EQ(got.exit, 0);
    EXPECT_EQ(got.out.substr(0, 9), "calofuse ");
    EXPECT_NE(got.out.find("hdf5"), got.out.npos);
}

TEST(Cli, doctor_document)
{
    Outcome const got = run({"doctor", "--json"});
    ASSERT_EQ(got.exit, 0) << got.err;
    json const document = json::parse(got.out);
    for (char const* key : {"version", "cpu", "cuda", "libraries", "self_check"})
        EXPECT_TRUE(document.contains(key)) << key;
    EXPECT_TRUE(document["cuda"]["built"].is_boolean());
    EXPECT_TRUE(document["cuda"]["devices"].is_array());
    EXPECT_GE(document["self_check"].size(), 3U);
    for (json const& check : document["self_check"])
        EXPECT_TRUE(check["passed"].get<bool>()) << check;
}

TEST(Cli, doctor_checks_narrow_kernels_too)
{
    Outcome const got = run({"doctor", "--json"}, {.environment = {"CALOFUSE_ISA=avx2"}});
    ASSERT_EQ(got.exit, 0) << got.err;
    EXPECT_EQ(json::parse(got.out)["cpu"]["isa"], "avx2");
}

/// P9: a device that was asked for and is not there is never replaced in silence.
TEST(Cli, missing_device_is_exit_69)
{
    json const doctor = json::parse(run({"doctor", "--json"}).out);
    if (!doctor["cuda"]["devices"].empty()) GTEST_SKIP() << "there is a GPU";
    for (char const* device : {"cuda", "cuda:7"}) {
        Outcome const got = run({"doctor", "--device", device});
        EXPECT_EQ(got.exit, 69) << got.err;
        EXPECT_NE(got.err.find("error[CF-DEV-01]"), got.err.npos) << got.err;
    }
    Outcome const precision = run({"doctor", "--precision", "bf16"});
    EXPECT_EQ(precision.exit, 78) << precision.err;
    EXPECT_NE(precision.err.find("error[CF-CFG-22]"), precision.err.npos) << precision.err;
}

TEST(Cli, precedence_is_line_environment_file_default)
{
    Folder const folder;
    spill(folder / "a.toml",
          "[train]\nepochs = 11\nbatch_size = 12\npatience = 13\n[general]\nseed = 14\n");
    Words const words = {"--config", "a.toml", "config",           "dump", "--json", "--seed",
                         "34",       "--set",  "train.patience=33"};
    Words const environment = {"CALOFUSE_TRAIN_BATCH_SIZE=22", "CALOFUSE_TRAIN_PATIENCE=23",
                               "CALOFUSE_GENERAL_SEED=24"};
    Outcome const got = run(words, {.folder = folder.path(), .environment = environment});
    ASSERT_EQ(got.exit, 0) << got.err;
    json const settings = json::parse(got.out);
    EXPECT_EQ(settings["train"]["epochs"], 11);
    EXPECT_EQ(settings["train"]["batch_size"], 22);
    EXPECT_EQ(settings["train"]["patience"], 33);
    EXPECT_EQ(settings["general"]["seed"], 34);
    EXPECT_EQ(settings["train"]["lr_patience"], 5);
}

TEST(Cli, dumped_configuration_is_accepted_back)
{
    Folder const folder;
    Outcome const first = run({"config", "dump", "--set", "train.learning_rate=3e-4"});
    ASSERT_EQ(first.exit, 0) << first.err;
    spill(folder / "a.toml", first.out);
    Outcome const again = run({"config", "dump", "--config", folder / "a.toml"});
    EXPECT_EQ(again.exit, 0) << again.err;
    EXPECT_EQ(again.out, first.out);
}

TEST(Cli, one_file_serves_every_command)
{
    Folder const folder;
    spill(folder / "dump.toml", run({"config", "dump"}).out);
    spill(folder / "a.toml", "[simulate]\ntilt_deg = 1.0\n[model]\nfilters = 8\n");
    spill(folder / "b.toml", "[simulate]\ntilt_dg = 1.0\n");
    Start const here{.folder = folder.path(), .environment = {"CALOFUSE_SIMULATE_HE=0.5"}};
    Words const simulate = {"simulate", "--events", "1", "--energies", "e20", "--out", "beam"};
    for (char const* file : {"dump.toml", "a.toml"})
        for (Words words :
             {Words{"doctor"}, Words{"config", "dump"}, simulate,
              Words{"profile", "--steps", "1", "--warmup", "0", "--batch-size", "4"}}) {
            words.insert(words.end(), {"--quiet", "--config", file});
            Outcome const got = run(words, here);
            EXPECT_EQ(got.exit, 0) << words[0] << ": " << got.err;
            EXPECT_EQ(got.err, "");
            std::filesystem::remove_all(folder / "beam");
        }
    Outcome const wrong = run({"doctor", "--config", "b.toml"}, here);
    EXPECT_EQ(wrong.exit, 78);
    EXPECT_NE(wrong.err.find("b.toml:2:1: unknown key 'simulate.tilt_dg'"), wrong.err.npos)
        << wrong.err;
    EXPECT_NE(wrong.err.find("did you mean simulate.tilt_deg?"), wrong.err.npos) << wrong.err;
    Outcome const set = run({"doctor", "--set", "simulate.tilt_deg=1"}, here);
    EXPECT_EQ(set.exit, 0);
    EXPECT_NE(set.err.find("without effect here"), set.err.npos) << set.err;
}

TEST(Cli, results_that_cannot_be_written_are_exit_74)
{
    Outcome const full = run({"config", "dump"}, {.stdout_path = "/dev/full"});
    EXPECT_EQ(full.exit, 74) << full.err;
    EXPECT_NE(full.err.find("error[CF-IO-12]"), full.err.npos) << full.err;
    Outcome const closed = run({"config", "dump"}, {.close_stdout = true});
    EXPECT_EQ(closed.exit, 74) << closed.err;
    for (char const* word : {"--help", "--version"})
        EXPECT_EQ(run({word}, {.stdout_path = "/dev/full"}).exit, 74) << word;
}

TEST(Cli, messages_that_cannot_be_written_change_no_exit_code)
{
    EXPECT_EQ(run({"train"}, {.stderr_path = "/dev/full"}).exit, 64);
    EXPECT_EQ(run({"doctor", "--set", "simulate.he=1"}, {.stderr_path = "/dev/full"}).exit, 0);
}

TEST(Cli, odd_surroundings_change_nothing)
{
    std::string const expected = run({"config", "dump"}).out;
    Words const odd = {"TERM=dumb",           "COLUMNS=-3",        "NO_COLOR=1",    "LC_ALL=xx_YY",
                       "HDF5_PLUGIN_PATH=/x", "HOME=/nonexistent", "no equals sign"};
    Outcome const got = run({"config", "dump"}, {.environment = odd});
    EXPECT_EQ(got.exit, 0);
    EXPECT_EQ(got.out, expected);
    EXPECT_EQ(got.err, "");
}
}  // namespace
}  // namespace calofuse::test
