/// The folder that `calofuse simulate` writes.
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "io/focalh/simulator/simulator.hpp"
#include "runtime/error.hpp"

namespace calofuse::test {
namespace {
namespace fs = std::filesystem;

std::string read(fs::path const& path)
{
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Every file below a folder with its bytes.
std::map<std::string, std::string> contents(fs::path const& folder)
{
    std::map<std::string, std::string> out;
    for (auto const& entry : fs::recursive_directory_iterator(folder))
        if (entry.is_regular_file()) out[fs::relative(entry.path(), folder)] = read(entry.path());
    return out;
}

std::vector<std::string> lines(std::string const& text)
{
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
        out.push_back(line);
    return out;
}

class SimulatorDataset : public testing::Test {
  protected:
    void SetUp() override
    {
        std::string pattern = testing::TempDir() + "calofuse_simulate_XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        options_.out = folder_ / "out";
        options_.events_per_file = 70;
        options_.files = parse_beam_files("e20,h350");
    }
    void TearDown() override { fs::remove_all(folder_); }
    SimulateSummary run(int threads = 2) const
    {
        return simulate_dataset(Context::cpu(threads), options_, {});
    }
    void expect_error(char const* code, Exit exit) const
    {
        auto const before = fs::is_directory(options_.out) ? contents(options_.out)
                                                           : std::map<std::string, std::string>{};
        try {
            run();
            ADD_FAILURE() << "wanted " << code;
        } catch (Error const& e) {
            EXPECT_EQ(e.code(), code) << e.what();
            EXPECT_EQ(e.exit(), exit);
        }
        if (fs::is_directory(options_.out)) {
            EXPECT_EQ(contents(options_.out), before);
        }
    }

    fs::path folder_;
    SimulateOptions options_;
};

TEST_F(SimulatorDataset, writes_the_whole_folder)
{
    SimulateSummary const summary = run();
    EXPECT_EQ(summary.num_files, 2);
    EXPECT_EQ(summary.num_events, 140);
    auto const files = contents(options_.out);
    std::vector<std::string> names;
    for (auto const& [name, bytes] : files)
        names.push_back(name);
    EXPECT_EQ(names,
              (std::vector<std::string>{"electron/electron_020GeV.npy", "hadron/hadron_350GeV.npy",
                                        "manifest.json", "pedestals.csv", "truth/detector.csv",
                                        "truth/electron_020GeV.npy", "truth/hadron_350GeV.npy"}));

    std::string const& events = files.at("hadron/hadron_350GeV.npy");
    ASSERT_EQ(events.size(), 128U + 70 * 256 * 2);
    EXPECT_EQ(events.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
    EXPECT_NE(events.find("'descr': '<i2', 'fortran_order': False, 'shape': (70, 256)"),
              std::string::npos);
    std::string const& truth = files.at("truth/hadron_350GeV.npy");
    ASSERT_EQ(truth.size(), 128U + 70 * 8 * 4);
    EXPECT_NE(truth.find("'descr': '<f4', 'fortran_order': False, 'shape': (70, 8)"),
              std::string::npos);

    std::vector<std::int16_t> adc(70 * 256);
    std::vector<float> rows(70 * 8);
    Simulator({}, options_.map, 1, 5202)
        .generate(Context::cpu(1), {Label::hadron, 350}, 0, 70, Planes::high_gain, adc, rows);
    EXPECT_EQ(std::memcmp(events.data() + 128, adc.data(), 70 * 256 * 2), 0);
    EXPECT_EQ(std::memcmp(truth.data() + 128, rows.data(), 70 * 8 * 4), 0);
}

TEST_F(SimulatorDataset, tables_and_manifest)
{
    SimulateSummary const summary = run();
    auto const files = contents(options_.out);
    std::vector<std::string> const pedestals = lines(files.at("pedestals.csv"));
    ASSERT_EQ(pedestals.size(), 250U);
    EXPECT_EQ(pedestals[0], "board,channel,hg,lg");
    EXPECT_EQ(pedestals[1].substr(0, 4), "0,0,");
    EXPECT_EQ(pedestals.back().substr(0, 5), "3,62,");
    std::vector<std::string> const detector = lines(files.at("truth/detector.csv"));
    ASSERT_EQ(detector.size(), 250U);
    EXPECT_EQ(detector[0].substr(0, 40), "board,channel,gain,hg_lg,ped_hg,ped_lg,m");

    auto const manifest = nlohmann::json::parse(files.at("manifest.json"));
    EXPECT_EQ(manifest["seed"], 1);
    EXPECT_EQ(manifest["detector_seed"], 5202);
    EXPECT_EQ(manifest["parameters"]["tilt_deg"], 2.0);
    ASSERT_EQ(manifest["files"].size(), 2U);
    EXPECT_EQ(manifest["files"][1]["file"], "hadron/hadron_350GeV.npy");
    std::int64_t sum = 0;
    for (auto const& file : manifest["files"])
        for (auto const& count : file["truth_events"])
            sum += count.get<std::int64_t>();
    EXPECT_EQ(sum, summary.num_events);
}

TEST_F(SimulatorDataset, a_file_does_not_depend_on_threads_or_other_files)
{
    options_.events_per_file = 4200;  // more than one block
    run(1);
    auto const both = contents(options_.out);
    options_.out = folder_ / "one";
    options_.files = parse_beam_files("h350");
    run(3);
    auto const one = contents(options_.out);
    for (char const* name : {"hadron/hadron_350GeV.npy", "truth/hadron_350GeV.npy",
                             "truth/detector.csv", "pedestals.csv"})
        EXPECT_EQ(one.at(name), both.at(name)) << name;
}

TEST_F(SimulatorDataset, full_files_have_four_planes)
{
    options_.planes = Planes::all;
    run();
    std::string const events = read(fs::path(options_.out) / "electron/electron_020GeV.npy");
    EXPECT_EQ(events.size(), 128U + 70 * 4 * 256 * 2);
    EXPECT_NE(events.find("'shape': (70, 4, 256)"), std::string::npos);
}

TEST_F(SimulatorDataset, non_empty_folders_are_refused_unless_told)
{
    run();
    auto const before = contents(options_.out);
    expect_error("CF-SIM-03", Exit::cannot_create);
    options_.overwrite = Overwrite::yes;
    options_.seed = 2;
    run();
    auto const after = contents(options_.out);
    EXPECT_EQ(after.size(), before.size());
    EXPECT_NE(after.at("hadron/hadron_350GeV.npy"), before.at("hadron/hadron_350GeV.npy"));
    EXPECT_EQ(after.at("truth/detector.csv"), before.at("truth/detector.csv"));

    options_.files = parse_beam_files("h350");  // the electrons of the last run would stay
    expect_error("CF-SIM-04", Exit::cannot_create);
}

TEST_F(SimulatorDataset, bad_places_and_fractions)
{
    std::ofstream(folder_ / "file") << "x";
    options_.out = folder_ / "file";
    expect_error("CF-SIM-03", Exit::cannot_create);
    options_.out = folder_ / "file" / "below";
    expect_error("CF-SIM-03", Exit::cannot_create);
    options_.out = folder_ / "fresh";
    options_.parameters.empty = 0.99;
    expect_error("CF-SIM-02", Exit::config);
    EXPECT_FALSE(fs::exists(folder_ / "fresh"));
}

TEST_F(SimulatorDataset, progress_may_end_the_work_and_no_half_file_stays)
{
    options_.events_per_file = 5000;
    std::vector<std::int64_t> seen;
    auto const stop_in_second_file = [&](std::int64_t done, std::int64_t total) {
        EXPECT_EQ(total, 10'000);
        seen.push_back(done);
        if (done > 5000) throw Error(Exit::interrupted, "CF-INT-99", "stopped");
    };
    EXPECT_THROW(simulate_dataset(Context::cpu(2), options_, stop_in_second_file), Error);
    EXPECT_EQ(seen, (std::vector<std::int64_t>{4096, 5000, 9096}));
    auto const files = contents(options_.out);
    EXPECT_EQ(files.size(), 2U);  // the first file and its truth
    EXPECT_EQ(files.count("electron/electron_020GeV.npy"), 1U);
    EXPECT_EQ(files.count("manifest.json"), 0U);
}
}  // namespace
}  // namespace calofuse::test
