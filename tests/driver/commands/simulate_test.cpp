/// `calofuse simulate` as a process: results, refusals, stopping.
#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "tests/driver/program.hpp"

namespace calofuse::test {
namespace {
using nlohmann::json;
using Words = std::vector<std::string>;

TEST(SimulateCommand, writes_a_folder_and_one_json_document)
{
    Folder const folder;
    Start const start{.folder = folder.path()};
    Outcome const got = run({"simulate", "--out", "beam", "--events", "20", "--energies", "60,h350",
                             "--json", "--seed", "7"},
                            start);
    ASSERT_EQ(got.exit, 0) << got.err;
    json const document = json::parse(got.out);
    EXPECT_EQ(document["files"], 3);
    EXPECT_EQ(document["events"], 60);
    EXPECT_EQ(document["seed"], 7);
    EXPECT_EQ(document["detector_seed"], 5202);
    json const manifest = json::parse(slurp(folder / "beam/manifest.json"));
    EXPECT_EQ(manifest["seed"], 7);
    ASSERT_EQ(run({"simulate", "--out", "again", "--events", "20", "--energies", "h350", "--seed",
                   "7", "--threads", "3"},
                  start)
                  .exit,
              0);
    EXPECT_EQ(slurp(folder / "again/hadron/hadron_350GeV.npy"),
              slurp(folder / "beam/hadron/hadron_350GeV.npy"));
}

TEST(SimulateCommand, settings_come_from_line_environment_and_file)
{
    Folder const folder;
    spill(folder / "c.toml", "[simulate]\ntilt_deg = 1.0\nsampling = 0.1\nhe = 0.5\n");
    Start const start{
        .folder = folder.path(),
        .environment = {"CALOFUSE_SIMULATE_TILT_DEG=0.5", "CALOFUSE_SIMULATE_SAMPLING=0.3"}};
    ASSERT_EQ(run({"simulate", "--out", "beam", "--events", "1", "--energies", "e20", "--config",
                   "c.toml", "--set", "simulate.tilt_deg=0"},
                  start)
                  .exit,
              0);
    json const parameters = json::parse(slurp(folder / "beam/manifest.json"))["parameters"];
    EXPECT_EQ(parameters["tilt_deg"], 0.0);
    EXPECT_EQ(parameters["sampling"], 0.3);
    EXPECT_EQ(parameters["he"], 0.5);
    EXPECT_EQ(parameters["length"], 110.0);
}

TEST(SimulateCommand, mistakes_leave_nothing_behind)
{
    struct Bad {
        Words words;
        int exit;
        char const* code;
    };
    Bad const cases[] = {
        {{"--energies", "e20,x"}, 64, "CF-SIM-01"},
        {{"--energies", "20,20"}, 64, "CF-SIM-01"},
        {{"--energies", "5000"}, 64, "CF-SIM-01"},
        {{"--set", "simulate.empty=0.99"}, 78, "CF-SIM-02"},
        {{"--set", "simulate.tilt=0"}, 78, "CF-CFG-02"},
        {{"--set", "simulate.tilt_deg=nan"}, 78, "CF-CFG-04"},
        {{"--set", "simulate.adc_max=8191.5"}, 78, "CF-CFG-03"},
        {{"--map", "missing.csv"}, 66, "CF-"},
        {{"--out", "taken"}, 73, "CF-SIM-03"},
        {{"--out", "taken/file"}, 73, "CF-SIM-03"},
        {{"--out", "/proc/nowhere"}, 73, "CF-SIM-03"},
    };
    for (Bad const& bad : cases) {
        Folder const folder;
        std::filesystem::create_directory(folder / "taken");
        spill(folder / "taken/file", "x");
        Words const before = folder.list();
        Words words = {"simulate", "--events", "2"};
        if (bad.words[0] != "--out") words.insert(words.end(), {"--out", "beam"});
        words.insert(words.end(), bad.words.begin(), bad.words.end());
        Outcome const got = run(words, {.folder = folder.path()});
        EXPECT_EQ(got.exit, bad.exit) << bad.words[1] << ": " << got.err;
        EXPECT_NE(got.err.find(std::string("error[") + bad.code), got.err.npos) << got.err;
        EXPECT_EQ(got.out, "");
        EXPECT_EQ(folder.list(), before) << bad.words[1];
    }
}

TEST(SimulateCommand, stops_on_a_signal_without_half_files)
{
    Folder const folder;
    Program program({"simulate", "--out", "beam", "--events", "2000000", "--energies", "e20"},
                    {.folder = folder.path()});
    auto const begun = [&] {
        Words const names = folder.list();
        return std::any_of(names.begin(), names.end(), [](std::string const& name) {
            return name.find(".part-") != name.npos;
        });
    };
    for (int i = 0; i < 1000 && !begun(); ++i)
        usleep(10'000);
    ASSERT_EQ(kill(program.pid(), SIGINT), 0);
    Outcome const got = program.wait();
    EXPECT_EQ(got.exit, 75) << got.err;
    EXPECT_EQ(folder.list(), (Words{"beam", "beam/electron", "beam/hadron", "beam/truth"}));
    EXPECT_NE(got.err.find("0 of 1 files are complete"), got.err.npos) << got.err;
    EXPECT_NE(got.err.find("hint: the same command with --overwrite"), got.err.npos) << got.err;
    Words const again = {"simulate", "--out", "beam", "--events", "2", "--energies", "e20"};
    EXPECT_EQ(run(again, {.folder = folder.path()}).exit, 73);
    Words anew = again;
    anew.push_back("--overwrite");
    EXPECT_EQ(run(anew, {.folder = folder.path()}).exit, 0);
}
}  // namespace
}  // namespace calofuse::test
