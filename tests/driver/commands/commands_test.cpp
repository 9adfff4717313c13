/// convert, inspect, verify and simulate as a user runs them: good paths, damaged files, bad inputs.
#include <algorithm>
#include <csignal>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <thread>

#include <gtest/gtest.h>

#include "io/focalh/npy_events.hpp"
#include "tests/driver/program.hpp"

namespace calofuse::test {
namespace {
using nlohmann::json;
using Words = std::vector<std::string>;
constexpr std::int64_t kEvents = 150;

/// Channels of the default map that no cell uses are 0; cell values are noise around 60 and a peak.
std::vector<std::uint16_t> events(std::int64_t count, std::uint32_t seed)
{
    std::vector<std::uint16_t> adc(static_cast<std::size_t>(count) * kNumChannels);
    std::uint32_t state = seed;
    for (std::size_t i = 0; i < adc.size(); ++i) {
        state = state * 1664525U + 1013904223U;
        bool const hit = state >> 28U == 0;
        adc[i] = static_cast<std::uint16_t>(55 + (state >> 20U) % 11 + (hit ? 1000 : 0));
    }
    for (std::int32_t const channel : ChannelMap::focalh_prototype2().unused_channels())
        for (std::size_t n = 0; n < static_cast<std::size_t>(count); ++n)
            adc[n * kNumChannels + static_cast<std::size_t>(channel)] = 0;
    return adc;
}

/// beam/electron/electron_100GeV.npy, beam/hadron/hadron_{060,200}GeV.npy
class Commands : public testing::Test {
  protected:
    Commands()
    {
        for (char const* name : {"electron", "hadron", "forgor", "none"})
            std::filesystem::create_directories(folder_ / ("beam/" + std::string(name)));
        write("beam/electron/electron_100GeV.npy", events(kEvents, 1));
        write("beam/hadron/hadron_060GeV.npy", events(kEvents, 2));
        write("beam/hadron/hadron_200GeV.npy", events(kEvents, 3));
    }
    void write(std::string const& name, std::vector<std::uint16_t> const& adc)
    {
        write_npy(folder_ / name, adc, {static_cast<std::int64_t>(adc.size()) / 256, 256},
                  Overwrite::yes);
    }
    Outcome run_here(Words const& words)
    {
        return run(words, {.folder = folder_.path(), .environment = {}});
    }
    json document(Words words)
    {
        words.push_back("--json");
        Outcome const got = run_here(words);
        EXPECT_EQ(got.exit, 0) << got.err;
        EXPECT_EQ(got.out.back(), '\n');
        return json::parse(got.out);
    }
    /// Exit code and code as wanted, nothing on stdout, nothing new or changed in the folder.
    void expect_refusal(Words const& words, int exit, std::string const& code)
    {
        Words const before = folder_.list();
        std::string const store = slurp(folder_ / "a.h5");
        Outcome const got = run_here(words);
        EXPECT_EQ(got.exit, exit) << got.err;
        EXPECT_EQ(got.out, "");
        EXPECT_EQ(got.err.find("calofuse: error[" + code + "]: "), 0U) << got.err;
        EXPECT_EQ(std::count(got.err.begin(), got.err.end(), '\n'), 2) << got.err;
        EXPECT_EQ(folder_.list(), before);
        EXPECT_EQ(slurp(folder_ / "a.h5"), store);
    }
    Folder folder_;
    Words const convert_ = {"convert", "--out", "a.h5", "beam/electron", "beam/hadron"};
};

TEST_F(Commands, convert_counts_every_event)
{
    json const got = document(convert_);
    EXPECT_EQ(got["events"]["read"], 3 * kEvents);
    EXPECT_EQ(got["events"]["written"], 3 * kEvents);
    EXPECT_EQ(got["files"].size(), 3U);
    EXPECT_EQ(got["sha256"].get<std::string>().size(), 64U);
    EXPECT_TRUE(std::filesystem::exists(folder_ / "a.h5.sha256"));
    EXPECT_EQ(got["files"][2]["label"], "electron");
    EXPECT_EQ(got["files"][2]["energy_gev"], 100);
}

TEST_F(Commands, convert_twice_gives_the_same_bytes)
{
    document(convert_);
    std::string const first = slurp(folder_ / "a.h5");
    expect_refusal(convert_, 73, "CF-IO-03");
    Words again = convert_;
    again.push_back("--overwrite");
    document(again);
    EXPECT_TRUE(slurp(folder_ / "a.h5") == first);
}

TEST_F(Commands, graphs_counts_hits_and_writes_the_same_bytes)
{
    document(convert_);
    json const counted = document({"graphs", "--data", "a.h5"});
    EXPECT_EQ(counted["total"]["events"], 3 * kEvents);
    EXPECT_EQ(counted["groups"].size(), 3U);
    EXPECT_TRUE(counted["out"].is_null());
    std::int64_t events = 0, hits = 0;
    auto const& histogram = counted["events_by_hits"];
    for (std::size_t n = 0; n < histogram.size(); ++n) {
        events += histogram[n].get<std::int64_t>();
        hits += static_cast<std::int64_t>(n) * histogram[n].get<std::int64_t>();
    }
    EXPECT_EQ(events, 3 * kEvents);
    EXPECT_DOUBLE_EQ(counted["total"]["hits_per_event"].get<double>(),
                     static_cast<double>(hits) / static_cast<double>(events));
    EXPECT_EQ(histogram[0], counted["total"]["events_without_hits"]);

    Words const write = {"graphs", "--data",       "a.h5", "--hits", "ccl", "--threshold-adc",
                         "60",     "--neighbours", "3",    "--out",  "g.h5"};
    json const written = document(write);
    EXPECT_EQ(written["hits"]["rule"], "ccl");
    EXPECT_EQ(written["hits"]["threshold_adc"], 60);
    EXPECT_LE(written["total"]["edges_per_event"].get<double>(),
              3 * written["total"]["hits_per_event"].get<double>());
    std::string const first = slurp(folder_ / "g.h5");
    expect_refusal(write, 73, "CF-IO-03");
    Words again = write;
    again.insert(again.end(), {"--overwrite", "--threads", "2"});
    EXPECT_EQ(document(again)["sha256"], written["sha256"]);
    EXPECT_TRUE(slurp(folder_ / "g.h5") == first);
    EXPECT_EQ(run_here({"verify", "g.h5"}).exit, 0);
}

TEST_F(Commands, graphs_refuses_bad_settings)
{
    document(convert_);
    Words const graphs = {"graphs", "--data", "a.h5"};
    for (Words const& bad :
         {Words{"--threshold-adc", "-1"}, Words{"--threshold-adc", "nan"}, Words{"--hits", "cc"},
          Words{"--neighbours", "0"}, Words{"--neighbours", "65"}}) {
        Words words = graphs;
        words.insert(words.end(), bad.begin(), bad.end());
        expect_refusal(words, 64, "CF-CLI-04");
    }
    expect_refusal({"graphs", "--data", "a.h5", "--set", "hits.rule=cells"}, 78, "CF-CFG-04");
    expect_refusal({"graphs", "--data", "a.h5", "--set", "hits.rules=cell"}, 78, "CF-CFG-02");
    expect_refusal({"graphs", "--data", "b.h5"}, 66, "CF-IO-01");
}

TEST_F(Commands, display_draws_hits_and_edges)
{
    document(convert_);
    json const plain = document({"display", "--data", "a.h5", "--event", "3", "--out", "p.svg"});
    EXPECT_FALSE(plain["events"][0].contains("hits"));
    json const drawn = document({"display", "--data", "a.h5", "--event", "3", "--graph",
                                 "--neighbours", "2", "--out", "g.svg"});
    EXPECT_LE(drawn["events"][0]["edges"].get<int>(), 2 * drawn["events"][0]["hits"].get<int>());
    auto const count = [](std::string const& text, std::string const& what) {
        int n = 0;
        for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1))
            ++n;
        return n;
    };
    std::string const picture = slurp(folder_ / "g.svg");
    EXPECT_EQ(count(picture, "class=\"hm\""), drawn["events"][0]["hits"].get<int>());
    EXPECT_EQ(count(slurp(folder_ / "p.svg"), "class=\"hm\""), 0);
}

TEST_F(Commands, text_results_go_to_stdout)
{
    Outcome const got = run_here(convert_);
    EXPECT_EQ(got.exit, 0) << got.err;
    EXPECT_NE(got.out.find("450 events read = 450 written + 0 dropped"), got.out.npos) << got.out;
    for (Words const& words : {Words{"inspect", "a.h5"}, Words{"verify", "a.h5"}}) {
        Outcome const other = run_here(words);
        EXPECT_EQ(other.exit, 0) << other.err;
        EXPECT_NE(other.out.find("a.h5"), other.out.npos);
        EXPECT_EQ(other.err, "");
    }
}

TEST_F(Commands, values_out_of_range_are_refused_clipped_or_dropped)
{
    auto adc = events(kEvents, 1);
    adc[256 * 7 + 5] = 9000;
    adc[256 * 70 + 6] = 65535;
    write("beam/electron/electron_100GeV.npy", adc);
    expect_refusal(convert_, 65, "CF-NPY-19");
    Words drop = convert_;
    drop.insert(drop.end(), {"--out-of-range", "drop"});
    json const dropped = document(drop);
    EXPECT_EQ(dropped["events"]["written"], 3 * kEvents - 2);
    EXPECT_EQ(dropped["events"]["dropped"]["out_of_range"], 2);
    Words clip = convert_;
    clip.insert(clip.end(), {"--out-of-range", "clip", "--overwrite"});
    json const clipped = document(clip);
    EXPECT_EQ(clipped["events"]["written"], 3 * kEvents);
    EXPECT_EQ(clipped["events"]["clipped"], 2);
}

TEST_F(Commands, convert_refuses_bad_inputs)
{
    auto const to = [](std::string const& input, Words more = {}) {
        Words words = {"convert", "--out", "new.h5", input};
        words.insert(words.end(), more.begin(), more.end());
        return words;
    };
    std::string const good = slurp(folder_ / "beam/hadron/hadron_060GeV.npy");
    auto const bad = [&](std::string const& bytes) {
        spill(folder_ / "beam/electron/electron_100GeV.npy", bytes);
    };
    expect_refusal(to("nowhere"), 66, "CF-IO-01");
    expect_refusal(to("beam/none"), 66, "CF-CNV-01");
    expect_refusal(to("beam/electron", {"--map", "no.csv"}), 66, "CF-IO-01");
    expect_refusal(to("beam/electron", {"--pedestals", "no.csv"}), 66, "CF-IO-01");
    expect_refusal(to("beam/electron", {"--board-order", "0,0,1,2"}), 64, "CF-MAP-13");
    expect_refusal({"convert", "--out", "no/folder.h5", "beam/electron"}, 73, "CF-IO-02");
    expect_refusal({"convert", "--out", "beam", "beam/electron"}, 73, "CF-IO-04");
    bad("");
    expect_refusal(to("beam/electron"), 65, "CF-NPY-01");
    bad("no numpy file at all");
    expect_refusal(to("beam/electron"), 65, "CF-NPY-03");
    bad(good.substr(0, good.size() - 1));
    expect_refusal(to("beam/electron"), 65, "CF-NPY-07");
    bad(good + "x");
    expect_refusal(to("beam/electron"), 65, "CF-NPY-08");
    write("beam/forgor/x.npy", events(kEvents, 4));
    expect_refusal(to("beam/forgor/x.npy"), 65, "CF-NPY-25");
}

TEST_F(Commands, unlabelled_folders_convert_with_unknown)
{
    write("beam/forgor/run_7.npy", events(kEvents, 4));
    json const got = document({"convert", "--unknown", "--out", "u.h5", "beam/forgor"});
    EXPECT_EQ(got["files"][0]["label"], "unknown");
    EXPECT_TRUE(got["files"][0]["energy_gev"].is_null());
}

TEST_F(Commands, inspect_documents)
{
    document(convert_);
    json const store = document({"inspect", "a.h5"});
    EXPECT_EQ(store["kind"], "store");
    EXPECT_EQ(store["total"]["events"]["written"], 3 * kEvents);
    EXPECT_EQ(store["files"].size(), 3U);
    EXPECT_EQ(store["labels"].size(), 2U);
    EXPECT_EQ(store["mean_charge_of_cell"].size(), 249U);
    EXPECT_EQ(store["energies"][0]["mean_activation_of_module"].size(), 9U);
    EXPECT_GE(store["energies"][0]["right_left_asymmetry"]["error"].get<double>(), 0);
    json const raw = document({"inspect", "beam/electron/electron_100GeV.npy"});
    EXPECT_EQ(raw["kind"], "npy");
    EXPECT_EQ(raw["total"]["events"]["read"], kEvents);
    spill(folder_ / "what.txt", "nothing known\n");
    expect_refusal({"inspect", "what.txt"}, 65, "CF-INS-01");
    expect_refusal({"inspect", "beam"}, 66, "CF-IO-08");
    expect_refusal({"inspect", "nowhere"}, 66, "CF-IO-01");
}

TEST_F(Commands, verify_names_file_and_dataset_of_a_flipped_byte)
{
    document(convert_);
    json const good = document({"verify", "a.h5"});
    EXPECT_TRUE(good["ok"].get<bool>());
    std::string bytes = slurp(folder_ / "a.h5");
    std::string const row(reinterpret_cast<char const*>(events(kEvents, 2).data()), 512);
    std::size_t const at = bytes.find(row);
    ASSERT_NE(at, bytes.npos) << "the first event is not stored as it is";
    bytes[at + 100] = static_cast<char>(bytes[at + 100] ^ 4);
    spill(folder_ / "a.h5", bytes);
    Outcome const got = run_here({"verify", "a.h5", "--json"});
    EXPECT_EQ(got.exit, 65);
    EXPECT_EQ(got.err.find("calofuse: error[CF-SHA-02]: "), 0U) << got.err;
    json const document = json::parse(got.out);
    EXPECT_FALSE(document["ok"].get<bool>());
    bool named = false;
    for (json const& file : document["files"])
        if (file["result"] == "differs") {
            EXPECT_NE(file["path"].get<std::string>().find("a.h5"), std::string::npos);
            for (json const& dataset : file["damaged_datasets"])
                named =
                    named || dataset["name"].get<std::string>().find("adc") != std::string::npos;
        }
    EXPECT_TRUE(named) << got.out;
}

TEST_F(Commands, verify_accepts_a_store_without_its_raw_files)
{
    document(convert_);
    std::filesystem::remove_all(folder_ / "beam");
    EXPECT_EQ(run_here({"verify", "a.h5"}).exit, 0);
    EXPECT_EQ(run_here({"verify", "a.h5.sha256"}).exit, 65) << "the whole manifest was asked for";
    EXPECT_EQ(run_here({"verify", "."}).exit, 65);
    std::filesystem::remove(folder_ / "a.h5.sha256");
    Outcome const bare = run_here({"verify", "a.h5"});
    EXPECT_EQ(bare.exit, 0);
    EXPECT_NE(bare.err.find("'a.h5': no manifest: structure checked, digests not"), bare.err.npos)
        << bare.err;
    expect_refusal({"verify", "."}, 66, "CF-SHA-04");
}

/// P8: one signal stops the work, nothing half done stays.
TEST_F(Commands, a_signal_stops_simulate_with_75)
{
    for (int const number : {SIGINT, SIGTERM}) {
        Program program({"simulate", "--out", "many", "--events", "1000000", "--threads", "1"},
                        {.folder = folder_.path(), .environment = {}});
        for (int i = 0; i < 500 && !std::filesystem::exists(folder_ / "many"); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        kill(program.pid(), number);
        Outcome const got = program.wait();
        EXPECT_EQ(got.signal, 0);
        EXPECT_EQ(got.exit, 75) << got.err;
        EXPECT_NE(got.err.find("error[CF-STOP-01]"), got.err.npos) << got.err;
        for (std::string const& name : folder_.list())
            EXPECT_EQ(name.find(".part"), name.npos) << name;
        std::filesystem::remove_all(folder_ / "many");
    }
}
}  // namespace
}  // namespace calofuse::test
