/// Every kind of data from a store to a report, as a user runs it; and a training on ragged data that
/// was stopped ends with the same bits.
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "io/store/store.hpp"
#include "tests/driver/program.hpp"
#include "tests/support/toy_data.hpp"
#include "tests/support/toy_run.hpp"

namespace calofuse::test {
namespace {
using nlohmann::json;
using Words = std::vector<std::string>;

constexpr std::int64_t kEvents = 400;

/// toy.h5 and what commands make of it, in a folder of their own.
class Citizens : public testing::Test {
  protected:
    json document(Words words)
    {
        words.insert(words.end(), {"--json", "--threads", "1"});
        Outcome const got = run(words, {.folder = folder_.path()});
        EXPECT_EQ(got.exit, 0) << got.err;
        return got.exit == 0 ? json::parse(got.out) : json();
    }
    /// The summary of a training on `data`, whose model has these settings.
    json train(Dataset const& data, std::string const& model, Words const& settings)
    {
        write_store(data, folder_ / "toy.h5");
        Words words = {"train", "--data",   "toy.h5", "--model",      model, "--run-dir",
                       "r",     "--epochs", "8",      "--batch-size", "32"};
        for (std::string const& setting : settings)
            words.insert(words.end(), {"--set", setting});
        json const summary = document(words);
        for (char const* file : {"config.toml", "env.json", "data.json", "metrics.jsonl",
                                 "summary.json", "predictions_test.csv",
                                 "checkpoints/best.safetensors", "checkpoints/last.safetensors"})
            EXPECT_TRUE(std::filesystem::exists(folder_ / ("r/" + std::string(file)))) << file;
        return summary;
    }
    json evaluate(std::string const& split)
    {
        return document({"evaluate", "--run-dir", "r", "--data", "toy.h5", "--split", split});
    }
    /// The document of predict, and the first line and number of lines that it wrote.
    json predict(std::string& header, std::int64_t& lines)
    {
        json const out =
            document({"predict", "--run-dir", "r", "--data", "toy.h5", "--out", "p.csv"});
        std::string const csv = slurp(folder_ / "p.csv");
        header = csv.substr(0, csv.find('\n'));
        lines = std::count(csv.begin(), csv.end(), '\n');
        return out;
    }
    std::string report()
    {
        Outcome const got = run({"report", "--run-dir", "r"}, {.folder = folder_.path()});
        EXPECT_EQ(got.exit, 0) << got.err;
        return slurp(folder_ / "r/report.html");
    }
    static void expect_has(std::string const& text, Words const& parts)
    {
        for (std::string const& part : parts)
            EXPECT_NE(text.find(part), text.npos) << part;
    }
    /// Training and evaluation judge the same events alike.
    void expect_same_figures(json const& summary, Words const& figures)
    {
        json const test = evaluate("test");
        for (std::string const& figure : figures) {
            ASSERT_TRUE(test.contains(figure)) << figure << " in " << test;
            EXPECT_EQ(test[figure], summary["test"][figure]) << figure;
        }
    }
    Folder folder_;
};
}  // namespace

TEST_F(Citizens, fcn_tells_classes_of_a_table)
{
    json const summary =
        train(toy_table(kEvents), "fcn",
              {"model.layers=2", "model.width=32", "task.target=flavour", "task.weight=weight",
               "task.class_weights=balanced", "train.learning_rate=1e-2"});
    expect_same_figures(summary, {"loss", "accuracy", "macro_auc"});
    EXPECT_GT(summary["test"]["accuracy"], 0.7);
    json const test = evaluate("test");
    for (char const* truth : {"u", "d", "s"})
        for (char const* taken : {"u", "d", "s"})
            EXPECT_TRUE(test["confusion"][truth][taken].is_number()) << truth << taken;
    EXPECT_FALSE(test.contains("threshold"));
    std::string header;
    std::int64_t lines = 0;
    json const said = predict(header, lines);
    EXPECT_EQ(said["events"], kEvents);
    EXPECT_EQ(lines, kEvents + 1);
    std::int64_t taken = 0;
    for (char const* name : {"u", "d", "s"})
        taken += said["taken_for"][name].get<std::int64_t>();
    EXPECT_EQ(taken, kEvents);
    expect_has(report(), {"Confusion matrix", "One against the rest", "Macro AUC"});
}

TEST_F(Citizens, fcn_predicts_quantiles_of_an_energy)
{
    json const summary = train(toy_table(kEvents), "fcn",
                               {"model.layers=2", "model.width=32", "task.target=energy_gev",
                                "task.loss=quantile", "train.learning_rate=1e-2"});
    expect_same_figures(summary, {"loss", "bias", "resolution", "mae", "rmse"});
    EXPECT_LT(summary["test"]["resolution"], 9) << "half of the spread of the target";
    json const all = evaluate("all");
    EXPECT_EQ(all["events"], kEvents);
    EXPECT_TRUE(all["figures"]["resolution"]["value"].is_number());
    EXPECT_FALSE(all["bins"].empty());
    EXPECT_FALSE(all.contains("confusion"));
    std::string header;
    std::int64_t lines = 0;
    json const said = predict(header, lines);
    EXPECT_EQ(lines, kEvents + 1);
    EXPECT_FALSE(said.contains("taken_for"));
    std::string const page = report();
    expect_has(page, {"energy_gev", "Resolution", "Figures", "GeV"});
    EXPECT_EQ(page.find("Confusion matrix"), page.npos);
}

TEST_F(Citizens, edge_conv_tells_clouds_of_particles)
{
    json const summary = train(toy_particles(kEvents), "edge_conv",
                               {"model.layers=2", "model.width=16", "model.head=16",
                                "points.neighbours=4", "train.learning_rate=1e-2"});
    expect_same_figures(summary, {"loss", "accuracy", "auc"});
    EXPECT_GT(summary["test"]["auc"], 0.8);
    json const test = evaluate("test");
    EXPECT_EQ(test["threshold"], 0.5);
    EXPECT_TRUE(test["confusion"]["left"]["right"].is_number());
    std::string header;
    std::int64_t lines = 0;
    json const said = predict(header, lines);
    EXPECT_EQ(lines, kEvents + 1) << "events without a particle too";
    EXPECT_EQ(said["taken_for"]["left"].get<int>() + said["taken_for"]["right"].get<int>(),
              kEvents);
    expect_has(report(), {"Separation", "Decisions", "Confusion matrix", "edge_conv"});
}

namespace {
TrainingEnd train_in(std::string const& folder, int threads, int stop_after, bool resume)
{
    Dataset data = toy_particles(kEvents);
    data.sha256 = std::string(64, 'a');
    Options settings(with_extra(find_model("edge_conv").schema()));
    for (auto const& [key, value] : {std::pair{"model.layers", 2},
                                     {"model.width", 8},
                                     {"points.neighbours", 3},
                                     {"train.epochs", 3},
                                     {"train.batch_size", 20}})
        settings.set(key, std::int64_t{value});
    settings.set("model.dropout", 0.2);
    settings.set("task.target", std::string("flavour"));
    Task task = make_task(settings, data);
    Split const split = split_events(data, task, {});
    fit_task(task, settings, data, split.train);
    Context ctx = Context::cpu(threads);
    RunDirectory const run = resume ? RunDirectory::open(folder) : new_run(folder);
    TrainingJob const job{"edge_conv", settings, task, split, run};
    int polls = 0;
    Trainer trainer(ctx, job, data, DataOn::device, {.stop_requested = [&] {
                        return stop_after >= 0 && polls++ >= stop_after;
                    }});
    resume ? trainer.resume() : trainer.start();
    return trainer.run();
}
}  // namespace

TEST(RaggedTraining, goes_on_with_the_same_bits_after_a_stop)
{
    TempFolder const folder;
    EXPECT_EQ(train_in(folder / "whole", 1, -1, false), TrainingEnd::epochs);
    // 280 events in batches of 20 are 14 steps an epoch: this stops inside the second.
    EXPECT_EQ(train_in(folder / "stopped", 2, 20, false), TrainingEnd::interrupted);
    EXPECT_EQ(train_in(folder / "stopped", 2, -1, true), TrainingEnd::epochs);
    for (std::string const name : {"best", "last"}) {
        std::string const file = "/checkpoints/" + name + ".safetensors";
        std::string const whole = slurp((folder / "whole") + file);
        ASSERT_GT(whole.size(), 1000U);
        EXPECT_TRUE(slurp((folder / "stopped") + file) == whole) << name;
    }
}
}  // namespace calofuse::test
