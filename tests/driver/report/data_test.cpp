#include "driver/report/data.hpp"

#include <gtest/gtest.h>

#include "driver/focalh/predictions.hpp"
#include "tests/support/synthetic_run.hpp"
#include "tests/support/temp_folder.hpp"

namespace calofuse::test {
namespace {
std::string text_of(std::string const& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A small run, with one of its files replaced.
struct BrokenRun {
    TempFolder folder;
    BrokenRun() { write_synthetic_run(folder.path(), {.events_per_file = 5}); }
    void replace(std::string const& name, std::string const& old, std::string const& fresh)
    {
        std::string text = text_of(folder / name);
        std::size_t const at = text.find(old);
        ASSERT_NE(at, text.npos) << old;
        write_text(folder / name, text.replace(at, old.size(), fresh));
    }
    void expect(Exit exit, std::string const& code, std::string const& part) const
    {
        expect_error([&] { read_run(folder.path(), electron_task()); }, exit, code);
        auto const e = error_of([&] { read_run(folder.path(), electron_task()); });
        ASSERT_TRUE(e.has_value());
        EXPECT_NE(std::string(e->what()).find(part), std::string::npos) << e->what();
    }
};
}  // namespace

TEST(ReportData, reads_what_a_run_leaves)
{
    TempFolder const folder;
    write_synthetic_run(folder.path(), {.epochs = 7, .events_per_file = 20}, "0.875", "0.92");
    ReportData const d = read_run(folder.path(), electron_task());
    EXPECT_EQ(d.model, "hybrid");
    EXPECT_EQ(d.epochs, 7);
    EXPECT_EQ(number_of(d.test, "accuracy"), 0.875);
    EXPECT_EQ(d.valid, (NamedNumbers{{"loss", 0.29}, {"auc", 0.94}}));  // accuracy is null
    EXPECT_EQ(d.timing.size(), 4U);
    EXPECT_EQ(d.timing[1].first, "training steps");
    EXPECT_EQ(d.files.size(), 12U);
    EXPECT_EQ(d.files[0].columns, (NamedValues{{"label", "electron"}, {"energy_gev", "20"}}));
    EXPECT_EQ(d.num_events, 1200);
    EXPECT_EQ(d.split[2], 240);
    EXPECT_EQ(d.dropped, (NamedCounts{{"value above 8191", 3}, {"negative value", 0}}));
    EXPECT_EQ(d.environment_value("versions.hdf5"), "1.10.8");
    EXPECT_EQ(d.environment_value("threads"), "2");
    EXPECT_EQ(d.settings[1], (std::pair<std::string, std::string>{"train.epochs", "75"}));
    EXPECT_EQ(d.settings[4].second, "recomputed");
    EXPECT_EQ(d.curve("valid", "auc").epoch, (std::vector<double>{1, 2, 3, 4, 5, 6, 7}));
    EXPECT_TRUE(d.curve("valid", "no such metric").empty());
    EXPECT_EQ(d.predictions.size(), 240);
    EXPECT_EQ(d.predictions.file_id[21], 1);
    EXPECT_EQ(d.predictions.event_index[21], 5U);
    EXPECT_EQ(d.judgement.rows, 240);
    EXPECT_EQ(d.bad_metric_rows, 0);
}

TEST(ReportData, a_resumed_run_counts_its_last_rows)
{
    TempFolder const folder;
    write_synthetic_run(folder.path(), {.epochs = 3, .events_per_file = 1});
    std::string text = text_of(folder / "metrics.jsonl");
    for (int epoch : {2, 3, 4})
        text += fmt::format(
            "{{\"t\":1,\"epoch\":{},\"step\":1,\"split\":\"train\",\"name\":\"loss\","
            "\"value\":0.{}}}\n",
            epoch, epoch);
    write_text(folder / "metrics.jsonl", text);
    Curve const loss = read_run(folder.path(), electron_task()).curve("train", "loss");
    EXPECT_EQ(loss.epoch, (std::vector<double>{1, 2, 3, 4}));
    EXPECT_EQ(loss.value[1], 0.2);
    EXPECT_EQ(loss.value[3], 0.4);
}

TEST(ReportData, missing_pieces_are_named)
{
    expect_error([] { read_run("no/such/folder", electron_task()); }, Exit::no_input, "CF-RUN-02");
    for (std::string const name : {"summary.json", "data.json", "env.json", "config.toml",
                                   "metrics.jsonl", "predictions_test.csv"}) {
        BrokenRun run;
        std::filesystem::remove(run.folder / name);
        run.expect(Exit::no_input, "CF-RUN-02", name);
    }
}

TEST(ReportData, broken_pieces_are_named)
{
    struct Case {
        char const *file, *old, *fresh, *code, *part;
    };
    for (Case const& c : {
             Case{"summary.json", "{", "[", "CF-RUN-03", "summary.json"},
             Case{"summary.json", "\"model\"", "\"mode\"", "CF-RUN-07", "model is missing"},
             Case{"summary.json", "4123.4", "\"fast\"", "CF-RUN-07",
                  "events_per_s is not a number"},
             Case{"summary.json", "\"epochs\":10", "\"epochs\":-1", "CF-RUN-07", "not a count"},
             Case{"summary.json", "\"s\":0.8", "\"t\":0.8", "CF-RUN-07", "timing: s is missing"},
             Case{"data.json", "\"split\":{", "\"split\":[{", "CF-RUN-03", "data.json"},
             Case{"data.json", "\"negative value\":0", "\"negative value\":0.5", "CF-RUN-07",
                  "dropped: negative value"},
             Case{"env.json", "\"threads\":2", "\"threads\":", "CF-RUN-03", "env.json"},
             Case{"config.toml", "epochs = 75", "epochs = = 75", "CF-RUN-03", "line 6"},
             Case{"metrics.jsonl", "\"epoch\":1,", "\"epoch\":\"1\",", "CF-RUN-07", "line 1"},
             Case{"metrics.jsonl", "}\n", "}}\n", "CF-RUN-03", "line 1"},
             Case{"predictions_test.csv", "logit", "points", "CF-PRD-02", "no column logit"},
             Case{"predictions_test.csv", "label", "class", "CF-JDG-01", "no column 'label'"},
             Case{"predictions_test.csv", "electron,20,", "electron,", "CF-PRD-04",
                  "line 2: 5 columns, the header has 6"},
             Case{"predictions_test.csv", "\n0,0,", "\n-1,0,", "CF-PRD-06",
                  "line 2: column file_id"},
             Case{"predictions_test.csv", "electron,20", "electrons,20", "CF-PRD-06",
                  "'electrons'"},
             Case{"predictions_test.csv", "electron,20", "electron,nan", "CF-PRD-05",
                  "column energy_gev"},
         }) {
        SCOPED_TRACE(fmt::format("{}: {} -> {}", c.file, c.old, c.fresh));
        BrokenRun run;
        run.replace(c.file, c.old, c.fresh);
        run.expect(Exit::data, c.code, c.part);
    }
}

TEST(ReportData, hostile_files_end_in_an_error)
{
    BrokenRun deep;
    write_text(deep.folder / "env.json", std::string(100000, '['));
    deep.expect(Exit::data, "CF-RUN-03", "nests deeper");
    BrokenRun large;
    write_text(large.folder / "config.toml", std::string((1 << 20) + 1, '#'));
    large.expect(Exit::data, "CF-RUN-09", "config.toml");
}

TEST(ReportData, no_test_events_are_no_error)
{
    BrokenRun run;
    write_text(run.folder / "predictions_test.csv",
               "file_id,event_index,score,label,energy_gev,logit\n");
    EXPECT_TRUE(read_run(run.folder.path(), electron_task()).predictions.size() == 0);
    write_text(run.folder / "predictions_test.csv", "");
    run.expect(Exit::data, "CF-PRD-01", "empty file");
}
}  // namespace calofuse::test
