#include "io/focalh/librarian.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "io/focalh/inspect.hpp"
#include "io/input_file.hpp"
#include "tests/support/raw_npy.hpp"
#include "tests/support/temp_folder.hpp"

namespace calofuse::test {
namespace {
namespace fs = std::filesystem;
std::string const kGeant4 = "tests/data/geant4";

void put(std::string const& path, std::string const& bytes)
{
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
}

/// Pedestal 40 in every used channel, and in event e a charge in a cell if e is odd.
std::vector<double> half_empty(std::int64_t events, int shift = 0)
{
    std::vector<double> out(static_cast<std::size_t>(events * 256), 40);
    for (std::int64_t e = 0; e < events; ++e) {
        for (auto const c : ChannelMap::focalh_prototype2().unused_channels())
            out[static_cast<std::size_t>(e * 256 + c)] = 0;
        out[static_cast<std::size_t>(e * 256 + 5)] += static_cast<double>(e % 7);
        if (e % 2 == 1) out[static_cast<std::size_t>(e * 256 + 70)] = 500 + shift;
    }
    return out;
}
}  // namespace

TEST(Librarian, names_say_label_and_energy)
{
    EXPECT_EQ(label_of_path("/a/Electron/x.npy"), Label::electron);
    EXPECT_EQ(label_of_path("/a/hadrons/run1/x.npy"), Label::hadron);
    EXPECT_EQ(label_of_path("/hadron/electron/x.npy"), Label::electron);
    EXPECT_EQ(label_of_path("/a/b/electron.npy"), std::nullopt);
    EXPECT_EQ(energy_of_name("electron_020GeV.npy"), 20.0F);
    EXPECT_EQ(energy_of_name("h_62.5_gev_run3.npy"), 62.5F);
    EXPECT_EQ(energy_of_name("run12 100 GEV.npy"), 100.0F);
    EXPECT_EQ(energy_of_name("run_GeV.npy"), std::nullopt);
    EXPECT_EQ(energy_of_name("e100.npy"), std::nullopt);
    EXPECT_EQ(energy_of_name("x..5GeV"), 5.0F);
    EXPECT_EQ(energy_of_name(std::string(60, '9') + "GeV"), std::nullopt);
}

TEST(Librarian, converts_files_that_others_made)
{
    TempFolder const folder;
    ConvertOptions options{
        .inputs = {kGeant4}, .out = folder / "a.h5", .pedestals = kGeant4 + "/pedestals.csv"};
    ConvertReport const report = convert(options);
    EXPECT_EQ(report.total.read, 100);
    EXPECT_EQ(report.total.written, 100);
    EXPECT_EQ(report.empty_triggers, 0);
    EXPECT_TRUE(report.warnings.empty()) << report.warnings.front();
    Dataset const data = read_store(folder / "a.h5");
    FocalhEvents const set(data);
    auto const files = set.files();
    ASSERT_EQ(files.size(), 2U);
    EXPECT_EQ(files[0].path, "hadron/hadron_150GeV.npy");
    EXPECT_EQ(files[0].energy_gev, 150.0F);
    EXPECT_EQ(files[1].label, Label::electron);
    EXPECT_EQ(files[1].sha256, sha256_of_file(kGeant4 + "/electron/electron_100GeV.npy"));
    EXPECT_EQ(data.sha256, report.sha256);
    EXPECT_EQ(set.pedestals.size(), 256U);
    NpyHeader header;
    auto const raw = read_npy_numbers(kGeant4 + "/hadron/hadron_150GeV.npy", &header);
    for (std::size_t i = 0; i < raw.size(); ++i)
        ASSERT_EQ(set.adc[i], raw[i]);
    for (auto const& file : verify_manifest(folder / "a.h5.sha256"))
        EXPECT_EQ(file.result, Digest::same) << file.path;
    options.out = folder / "b.h5";
    convert(options);
    EXPECT_TRUE(read_file(folder / "a.h5", 1 << 30) == read_file(folder / "b.h5", 1 << 30));
    options.board_order = {1, 0, 2, 3};
    options.out = folder / "c.h5";
    options.pedestals.clear();
    convert(options);
    Dataset const swapped = read_store(folder / "c.h5");
    EXPECT_EQ(FocalhEvents(swapped).map.cells[0].channel, 62 + 64);
}

TEST(Librarian, takes_what_has_a_label_and_tells_the_rest)
{
    TempFolder const folder;
    std::string const in = folder / "in";
    put(in + "/Electron/run/e_100GeV.npy",
        npy_of_events(half_empty(30), 30, 1, "nc", "<u2", false));
    put(in + "/hadron/h_60GeV.npy", npy_of_events(half_empty(20, 1), 20, 1, "nc", ">f4", true));
    put(in + "/unknown/m.npy", npy_of_events(half_empty(9, 2), 9, 1, "nc", "<u2", false));
    put(in + "/truth/hadron/h_60GeV.npy",
        npy_bytes(npy_dict("<f4", "(20, 8)"), std::string(640, '\0')));
    ConvertReport report = convert({.inputs = {in + "/"}, .out = folder / "a.h5"});
    ASSERT_EQ(report.files.size(), 2U);
    EXPECT_EQ(report.files[0].path, "hadron/h_60GeV.npy");
    EXPECT_EQ(report.files[1].path, "Electron/run/e_100GeV.npy");
    EXPECT_EQ(report.files[1].empty_triggers, 15);
    EXPECT_EQ(report.empty_triggers, 25);
    ASSERT_EQ(report.skipped.size(), 1U);
    EXPECT_NE(report.skipped[0].find("unknown"), std::string::npos);

    report = convert({.inputs = {in}, .out = folder / "b.h5", .unknown = true});
    EXPECT_EQ(report.files.size(), 3U);
    EXPECT_EQ(report.total.written, 59);
    Dataset const data = read_store(folder / "b.h5");
    FocalhEvents const set(data);
    EXPECT_EQ(std::vector(set.label.begin(), set.label.end()), std::vector<std::uint8_t>(59, 255));
    EXPECT_TRUE(report.skipped.empty());

    report =
        convert({.inputs = {in + "/hadron/h_60GeV.npy", in + "/Electron"}, .out = folder / "c.h5"});
    EXPECT_EQ(report.files[0].path, "hadron/h_60GeV.npy");
    EXPECT_EQ(report.files[1].path, "Electron/run/e_100GeV.npy");
}

TEST(Librarian, every_event_is_accounted_for)
{
    TempFolder const folder;
    auto values = half_empty(50);
    values[3 * 256 + 9] = 9000;
    values[7 * 256 + 1] = 8192;
    auto others = half_empty(40, 3);
    others[11 * 256 + 20] = NAN;
    others[12 * 256 + 21] = 41.5;
    put(folder / "electron/a_1GeV.npy", npy_of_events(values, 50, 1, "nc", "<u2", false));
    put(folder / "hadron/b_2GeV.npy", npy_of_events(others, 40, 1, "nc", "<f4", false));
    ConvertOptions options{.inputs = {folder.path()}, .out = folder / "a.h5"};
    expect_error([&] { convert(options); }, Exit::data, "CF-NPY-20");
    EXPECT_FALSE(fs::exists(folder / "a.h5"));
    EXPECT_EQ(folder.num_entries(), 2U);
    options.npy.out_of_range = OutOfRange::drop;
    ConvertReport const dropped = convert(options);
    EXPECT_EQ(dropped.total.read, 90);
    EXPECT_EQ(dropped.total.written, 86);
    EXPECT_EQ(dropped.total.dropped, (std::array<std::int64_t, 3>{2, 1, 1}));
    Dataset const data = read_store(folder / "a.h5");
    FocalhEvents const set(data);
    EXPECT_EQ(data.files[1].counts.dropped[0], 2);
    EXPECT_EQ(set.event_index[38 + 3], 4U);
    options.npy.out_of_range = OutOfRange::clip;
    options.out = folder / "b.h5";
    ConvertReport const clipped = convert(options);
    EXPECT_EQ(clipped.total.written, 89);
    EXPECT_EQ(clipped.total.clipped, 3);
}

TEST(Librarian, refuses)
{
    TempFolder const folder;
    std::string const out = folder / "out.h5";
    std::string const good = npy_of_events(half_empty(10), 10, 1, "nc", "<u2", false);
    std::string const none = npy_of_events({}, 0, 1, "nc", "<u2", false);
    put(folder / "electron/e_1GeV.npy", good);
    put(folder / "forgor/e_1GeV.npy", good);
    put(folder / "zero/electron/e_1GeV.npy", none);
    fs::create_directory(folder / "empty");
    auto const code = [&](std::vector<std::string> inputs) {
        auto const e = error_of([&] { convert({.inputs = std::move(inputs), .out = out}); });
        EXPECT_FALSE(fs::exists(out));
        return e ? e->code() : std::string("none");
    };
    std::string const electron = folder / "electron/e_1GeV.npy";
    EXPECT_EQ(code({folder / "missing"}), "CF-IO-01");
    EXPECT_EQ(code({folder / "electron/missing.npy"}), "CF-IO-01");
    EXPECT_EQ(code({folder / "empty"}), "CF-CNV-01");
    EXPECT_EQ(code({}), "CF-CNV-01");
    EXPECT_EQ(code({folder / "forgor"}), "CF-NPY-25");
    EXPECT_EQ(code({folder / "forgor/e_1GeV.npy"}), "CF-NPY-25");
    EXPECT_EQ(code({electron, folder / "electron"}), "CF-CNV-02");
    EXPECT_EQ(code({folder / "zero"}), "CF-NPY-15");
    put(electron + ".sha256", std::string(64, '0') + "  e_1GeV.npy\n");
    EXPECT_EQ(code({electron}), "CF-NPY-22");
    put(electron + ".sha256", sha256_of(good) + "  e_1GeV.npy\n");
    ConvertReport const report = convert({.inputs = {electron, folder / "zero"}, .out = out});
    EXPECT_EQ(report.total.written, 10);
    bool told = false;
    for (std::string const& warning : report.warnings)
        told |= warning.find("holds no events") != std::string::npos;
    EXPECT_TRUE(told);
    expect_error([&] { convert({.inputs = {electron}, .out = out}); }, Exit::cannot_create,
                 "CF-IO-03");
    expect_error(
        [&] { convert({.inputs = {electron}, .out = electron, .store = {Overwrite::yes}}); },
        Exit::cannot_create, "CF-CNV-04");
    EXPECT_EQ(read_file(electron, 1 << 20), good);
}

TEST(Librarian, swapped_boards_give_a_warning)
{
    TempFolder const folder;
    auto values = half_empty(200);
    auto const swapped = ChannelMap::focalh_prototype2().with_board_order({1, 0, 2, 3});
    for (std::int64_t e = 0; e < 200; ++e) {
        for (int const c : {39, 63, 126, 127})
            values[static_cast<std::size_t>(e * 256 + c)] = 40;
        for (auto const c : swapped.unused_channels())
            values[static_cast<std::size_t>(e * 256 + c)] = 0;
    }
    put(folder / "electron/e_1GeV.npy", npy_of_events(values, 200, 1, "nc", "<u2", false));
    auto report = convert({.inputs = {folder.path()}, .out = folder / "a.h5"});
    EXPECT_NE(report.boards.warning.find("--board-order 1,0,2,3"), std::string::npos)
        << report.boards.warning;
    report =
        convert({.inputs = {folder.path()}, .out = folder / "b.h5", .board_order = {1, 0, 2, 3}});
    EXPECT_TRUE(report.boards.warning.empty());
}

TEST(Librarian, a_stop_in_between_leaves_nothing)
{
    TempFolder const folder;
    auto stop = [](ConvertProgress const&) {
        throw Error(Exit::interrupted, "CF-TEST", "stopped", "go on");
    };
    expect_error([&] { convert({.inputs = {kGeant4}, .out = folder / "a.h5", .progress = stop}); },
                 Exit::interrupted, "CF-TEST");
    EXPECT_EQ(folder.num_entries(), 0U);
}

TEST(Inspect, counts_events_charge_and_saturation)
{
    TempFolder const folder;
    auto values = half_empty(30);
    values[256 + 70] = 8191;
    put(folder / "electron/e_100GeV.npy", npy_of_events(values, 30, 1, "nc", "<u2", false));
    put(folder / "hadron/h_60GeV.npy", npy_of_events(half_empty(20, 1), 20, 1, "nc", "<u2", false));
    Inspection const npy = inspect(folder / "electron/e_100GeV.npy");
    EXPECT_EQ(npy.kind, "npy");
    EXPECT_EQ(npy.total.counts.written, 30);
    EXPECT_EQ(npy.total.empty_triggers, 15);
    EXPECT_EQ(npy.total.saturated_cells, 1);
    EXPECT_EQ(npy.total.energy_gev, 100.0F);
    EXPECT_EQ(npy.total.label, Label::electron);
    EXPECT_NEAR(npy.total.mean_charge, (14 * 460 + 8151) / 30.0, 0.1);
    EXPECT_EQ(npy.sha256, sha256_of_file(folder / "electron/e_100GeV.npy"));
    convert({.inputs = {folder.path()}, .out = folder / "a.h5"});
    Inspection const store = inspect(folder / "a.h5");
    EXPECT_EQ(store.kind, "store");
    ASSERT_EQ(store.files.size(), 2U);
    EXPECT_EQ(store.labels.size(), 2U);
    EXPECT_EQ(store.energies.size(), 2U);
    EXPECT_EQ(store.total.counts.written, 50);
    EXPECT_EQ(store.total.empty_triggers, 25);
    EXPECT_EQ(store.files[1].saturated_events, 1);
    EXPECT_EQ(store.mean_charge_of_cell.size(), 249U);
    EXPECT_EQ(inspect("tests/data/focalh_proto2_channel_map.csv").kind, "channel map");
    EXPECT_EQ(inspect(kGeant4 + "/pedestals.csv").kind, "pedestals");
    EXPECT_EQ(inspect(folder / "a.h5.sha256").properties.size(), 3U);
    put(folder / "t.npy", npy_bytes(npy_dict("<f4", "(2, 8)"), std::string(64, '\0')));
    EXPECT_EQ(inspect(folder / "t.npy").properties[0].second, "(2, 8) <f4");
    put(folder / "t.txt", "hello");
    expect_error([&] { inspect(folder / "t.txt"); }, Exit::data, "CF-INS-01");
}
}  // namespace calofuse::test
