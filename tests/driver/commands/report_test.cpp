/// \file tests/driver/commands/report_test.cpp
/// The commands report and display on a store and a run directory on disk.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "driver/cli/settings.hpp"
#include "driver/commands/commands.hpp"
#include "driver/focalh/commands/commands.hpp"
#include "driver/focalh/event_pictures.hpp"
#include "driver/focalh/hit_view.hpp"
#include "driver/focalh/predictions.hpp"
#include "driver/judge/predictions.hpp"
#include "driver/train/trained_model.hpp"
#include "io/store/store.hpp"
#include "models/registry.hpp"
#include "tests/support/synthetic_run.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/xml_check.hpp"

namespace calofuse::test {
namespace {
std::string text_of(std::string const& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A store of 60 events and a run on it; `seed` changes the events.
struct Disk {
    TempFolder folder;
    SyntheticRun run{
        .epochs = 2, .events_per_file = 3, .electron_gev = {60, 100}, .hadron_gev = {80, 200}};
    Disk() { run.store = folder / "beam.h5"; }
    Dataset events() const
    {
        Dataset out = synthetic_events(run);
        for (SourceFile& file : out.files) {
            file.sha256 = std::string(64, '0');
            file.counts.read = file.counts.written = file.num_events;
        }
        return out;
    }
    std::string write() const
    {
        std::string const digest = write_store(events(), run.store, {.overwrite = Overwrite::yes});
        write_synthetic_run(folder / "run", run);
        std::string data = text_of(folder / "run/data.json");
        data.replace(data.find(std::string(64, 'a')), 64, digest);
        write_text(folder / "run/data.json", data);
        return digest;
    }
    std::string page() const
    {
        EXPECT_EQ(commands::report({}, {.run_dir = folder / "run", .out = ""}), 0);
        return text_of(folder / "run/report.html");
    }
};
}  // namespace

TEST(ReportCommand, writes_the_page_with_images)
{
    Disk const disk;
    disk.write();
    std::string const page = disk.page();
    EXPECT_EQ(scan_xml(page).error, "");
    EXPECT_NE(page.find("mean electron"), std::string::npos);
    EXPECT_EQ(page, disk.page());  // over the one before
    EXPECT_EQ(commands::report({}, {.run_dir = disk.folder / "run", .out = disk.folder / "x.html"}),
              0);
    EXPECT_EQ(page, text_of(disk.folder / "x.html"));
}

TEST(ReportCommand, does_without_a_store_that_is_gone_or_another_one)
{
    Disk disk;
    disk.write();
    std::filesystem::rename(disk.run.store, disk.folder / "elsewhere.h5");
    std::string page = disk.page();
    EXPECT_NE(page.find("displays are left out"), std::string::npos);
    EXPECT_EQ(page.find("mean electron"), std::string::npos);
    disk.run.seed = 99;
    write_store(disk.events(), disk.run.store, {.overwrite = Overwrite::yes});
    page = disk.page();
    EXPECT_NE(page.find("its digest differs"), std::string::npos);
    EXPECT_EQ(page.find("mean electron"), std::string::npos);
}

TEST(ReportCommand, replaces_pages_only)
{
    Disk const disk;
    disk.write();
    expect_error(
        [&] { commands::report({}, {.run_dir = disk.folder / "run", .out = disk.run.store}); },
        Exit::usage, "CF-CLI-04");
    expect_error([&] { commands::report({}, {.run_dir = disk.folder / "no", .out = ""}); },
                 Exit::no_input, "CF-RUN-02");
}

TEST(DisplayCommand, draws_cells_and_scores)
{
    Disk const disk;
    disk.write();
    std::string const out = disk.folder / "e.svg";
    ASSERT_EQ(commands::display({}, {.data = disk.run.store,
                                     .events = {0, 59},
                                     .out = out,
                                     .run_dir = disk.folder / "run"}),
              0);
    XmlScan const scan = scan_xml(text_of(out));
    EXPECT_EQ(scan.error, "");
    EXPECT_GE(scan.elements.at("rect"), 2 * kNumCells);
    Dataset const events = disk.events();
    auto const charges = cell_charges(events, 59, FocalhEvents(events).pedestals);
    double total = 0;
    for (double const q : charges)
        total += q;
    auto const holds = [&](std::string const& text) {
        return std::find(scan.texts.begin(), scan.texts.end(), text) != scan.texts.end();
    };
    EXPECT_TRUE(holds("electron, 60 GeV"));
    EXPECT_TRUE(holds("hadron, 200 GeV"));
    EXPECT_TRUE(holds(fmt::format("sum {:.0f} ADC", total)));  // not a test event: no score
    float const score = event_predictions(read_predictions(disk.folder / "run/predictions_test.csv",
                                                           electron_task()),
                                          electron_task())[0]
                            .score;
    EXPECT_NE(text_of(out).find(fmt::format("score {:.4f}, sum", score)), std::string::npos);
}

TEST(DisplayCommand, asks_the_model_of_the_run_where_it_is_there)
{
    Disk const disk;
    std::string const digest = disk.write();
    Dataset const events = read_store(disk.run.store);
    std::string const out = disk.folder / "e.svg";
    Context ctx = Context::cpu(1);
    std::filesystem::create_directories(disk.folder / "run/checkpoints");
    for (char const* name : {"hybrid", "gatv2"}) {
        Options settings(with_extra(find_model(name).schema()));
        Checkpoint saved(name, settings, electron_task());
        auto const model = find_model(name).make(ctx, events, electron_task(), settings, 4);
        model->fit(events, std::vector<std::int32_t>{0, 59});
        saved.store(model->parameters());
        saved.set_progress({{"data_sha256", digest}});
        saved.write(disk.folder / "run/checkpoints/best.safetensors");
        write_text(disk.folder / "run/config.toml", "");
        ASSERT_EQ(commands::display({}, {.data = disk.run.store,
                                         .events = {7, 59},
                                         .out = out,
                                         .run_dir = disk.folder / "run"}),
                  0);
        std::string const picture = text_of(out);
        EXPECT_EQ(scan_xml(picture).error, "");
        std::vector<std::int32_t> const rows = {7, 59};
        Predictions const said = TrainedModel(ctx, saved, events, nullptr).predict(rows);
        for (Prediction const& p : event_predictions(said, electron_task()))
            EXPECT_NE(picture.find(fmt::format("score {:.4f}, sum", p.score)), picture.npos)
                << name;
        bool const has_hits = is_hit_network(name);
        EXPECT_EQ(picture.find("class=\"hm\"") != picture.npos, has_hits);
        EXPECT_EQ(picture.find("× even share") != picture.npos, has_hits);
    }
    expect_error(
        [&] {
            commands::display(
                {},
                {.data = disk.run.store, .events = {7}, .out = out, .run_dir = disk.folder / "no"});
        },
        Exit::no_input, "CF-RUN-02");
}

TEST(DisplayCommand, refuses_rows_that_are_not_there)
{
    Disk const disk;
    disk.write();
    auto const display = [&](std::int64_t row, std::string const& out) {
        commands::display({}, {.data = disk.run.store, .events = {row}, .out = out, .run_dir = ""});
    };
    expect_error([&] { display(60, disk.folder / "e.svg"); }, Exit::usage, "CF-CLI-04");
    expect_error([&] { display(0, disk.run.store); }, Exit::usage, "CF-CLI-04");
    EXPECT_FALSE(std::filesystem::exists(disk.folder / "e.svg"));
    expect_error(
        [&] {
            commands::display({}, {.data = disk.folder / "no.h5",
                                   .events = {0},
                                   .out = disk.folder / "e.svg",
                                   .run_dir = ""});
        },
        Exit::no_input, "CF-IO-01");
}
}  // namespace calofuse::test
