/// train, evaluate and predict as a user runs them, on a small simulated beam.
#include <csignal>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "tests/driver/program.hpp"

namespace calofuse::test {
namespace {
using nlohmann::json;
using Words = std::vector<std::string>;

/// beam/: four files of 150 events; own.csv: its pedestals; other.csv: 7 ADC more in each channel;
/// beam.h5 with own.csv.
class Training : public testing::Test {
  protected:
    Training()
    {
        document({"simulate", "--out", "beam", "--events", "150", "--energies", "60,150"});
        std::string const own = slurp(folder_ / "beam/pedestals.csv");
        spill(folder_ / "own.csv", own);
        spill(folder_ / "other.csv", shifted(own));
        convert("beam", "beam.h5");
    }
    static std::string shifted(std::string const& pedestals)
    {
        std::istringstream in(pedestals);
        std::string line, out;
        std::getline(in, line);
        out = "board,channel,hg\n";
        while (std::getline(in, line)) {
            std::size_t const value = line.find(',', line.find(',') + 1) + 1;
            out += line.substr(0, value) + std::to_string(std::stod(line.substr(value)) + 7) + "\n";
        }
        return out;
    }
    void convert(std::string const& beam, std::string const& store)
    {
        document({"convert", "--out", store, "--pedestals", "own.csv", beam + "/electron",
                  beam + "/hadron"});
    }
    Outcome run_here(Words const& words) { return run(words, {.folder = folder_.path()}); }
    json document(Words words)
    {
        words.insert(words.end(), {"--json", "--threads", "1"});  // no waiting in barriers
        Outcome const got = run_here(words);
        EXPECT_EQ(got.exit, 0) << got.err;
        return json::parse(got.out);
    }
    /// One epoch or `epochs` of a small hybrid; the summary.
    json train(std::string const& run_dir, Words const& more, int epochs = 1)
    {
        Words words = {"train",        "--data", "beam.h5",  "--run-dir",           run_dir,
                       "--batch-size", "64",     "--epochs", std::to_string(epochs)};
        for (char const* set :
             {"model.filters=8", "model.dense=16", "model.embedding=8", "model.gnn_units=8",
              "model.head=8", "train.bn_events=128", "train.learning_rate=3e-3"})
            words.insert(words.end(), {"--set", set});
        words.insert(words.end(), more.begin(), more.end());
        return document(words);
    }
    json evaluate(std::string const& run_dir, Words const& more)
    {
        Words words = {"evaluate", "--run-dir", run_dir, "--data", "beam.h5"};
        words.insert(words.end(), more.begin(), more.end());
        return document(words);
    }
    std::string predict(std::string const& store, Words const& more)
    {
        Words words = {"predict", "--run-dir", "r",     "--data",
                       store,     "--out",     "s.csv", "--overwrite"};
        words.insert(words.end(), more.begin(), more.end());
        document(words);
        return slurp(folder_ / "s.csv");
    }
    static void expect_same_figures(json const& a, json const& b)
    {
        for (char const* figure : {"loss", "accuracy", "auc"})
            EXPECT_EQ(a[figure].get<double>(), b[figure].get<double>()) << figure;
    }
    Folder folder_;
};

TEST_F(Training, evaluate_finds_the_figures_of_train_whatever_pedestals_it_had)
{
    json const own = train("own", {});
    expect_same_figures(own["test"], evaluate("own", {"--split", "test"}));
    json const other = train("other", {"--set", "input.pedestals=other.csv"});
    EXPECT_NE(own["test"]["loss"], other["test"]["loss"]);
    for (char const* part : {"valid", "test"})
        expect_same_figures(other[part], evaluate("other", {"--split", part}));
    json const overridden = evaluate("other", {"--set", "input.pedestals=own.csv"});
    EXPECT_NE(overridden["loss"], other["test"]["loss"]);
    expect_same_figures(evaluate("other", {"--set", "input.pedestals=other.csv"}), other["test"]);
}

TEST_F(Training, another_store_is_scored_with_its_own_pedestals)
{
    train("r", {"--set", "input.pedestals=other.csv"});
    document({"simulate", "--out", "later", "--events", "20", "--energies", "100", "--seed", "9"});
    convert("later", "later.h5");
    std::string const scores = predict("later.h5", {});
    EXPECT_EQ(predict("later.h5", {"--set", "input.pedestals=own.csv"}), scores);
    EXPECT_NE(predict("later.h5", {"--set", "input.pedestals=other.csv"}), scores);
    document({"convert", "--out", "bare.h5", "later/electron", "later/hadron"});
    EXPECT_EQ(predict("bare.h5", {}), predict("later.h5", {"--set", "input.pedestals=other.csv"}));
}

TEST_F(Training, retrain_on_all_leaves_the_first_training_alone_and_uses_every_event)
{
    json const plain = train("plain", {}, 3);
    json const both = train("r", {"--retrain-on-all"}, 3);
    expect_same_figures(both["test"], plain["test"]);
    EXPECT_EQ(slurp(folder_ / "r/checkpoints/best.safetensors").size(),
              slurp(folder_ / "plain/checkpoints/best.safetensors").size());
    json const all = json::parse(slurp(folder_ / "r/retrained/summary.json"));
    EXPECT_EQ(all["epochs"], both["best_epoch"]);
    json const split = json::parse(slurp(folder_ / "r/retrained/data.json"))["split"];
    EXPECT_EQ(split, (json{{"train", 600}, {"valid", 0}, {"test", 0}}));
    // Nothing is left to judge it by, and nothing pretends otherwise.
    EXPECT_EQ(all["test"]["accuracy"], json());
    Outcome const judged = run_here({"evaluate", "--run-dir", "r/retrained", "--data", "beam.h5"});
    EXPECT_EQ(judged.exit, 65);
    EXPECT_NE(judged.err.find("CF-EVL-01"), judged.err.npos) << judged.err;
    std::string const checkpoint = "r/retrained/checkpoints/last.safetensors";
    EXPECT_NE(predict("beam.h5", {"--checkpoint", checkpoint}), predict("beam.h5", {}));
}

TEST_F(Training, settings_that_do_not_fit_together_leave_no_folder)
{
    std::vector<Words> const mistakes = {
        {"--model", "edge_conv", "--set", "model.dynamic=true", "--set", "model.width=256"},
        {"--model", "gravnet", "--set", "hits.neighbours=1"},
        {"--model", "hybrid", "--set", "model.gnn=gat", "--set", "model.gat_heads=7"}};
    for (Words const& mistake : mistakes) {
        Words words = {"train", "--data", "beam.h5", "--run-dir", "none"};
        words.insert(words.end(), mistake.begin(), mistake.end());
        Outcome const got = run_here(words);
        EXPECT_EQ(got.exit, 78) << got.err;
        EXPECT_NE(got.err.find("error[CF-CFG-1"), got.err.npos) << got.err;
        EXPECT_FALSE(std::filesystem::exists(folder_ / "none")) << mistake[1];
    }
}

TEST_F(Training, a_store_that_is_not_there_leaves_no_folder)
{
    Outcome const got = run_here({"train", "--data", "missing.h5", "--run-dir", "none"});
    EXPECT_EQ(got.exit, 66) << got.err;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "none"));
}

TEST_F(Training, the_hint_of_a_stop_goes_on)
{
    Program program({"train", "--data", "beam.h5", "--run-dir", "r", "--epochs", "10000",
                     "--patience", "0", "--set", "model.filters=8"},
                    {.folder = folder_.path()});
    for (int i = 0; i < 3000 && program.err_so_far().find("epoch  1/") == std::string::npos; ++i)
        usleep(10'000);
    ASSERT_EQ(kill(program.pid(), SIGINT), 0);
    Outcome const got = program.wait();
    EXPECT_EQ(got.exit, 75) << got.err;
    std::string const hint = "hint: calofuse train --resume --run-dir r --data beam.h5 goes on";
    EXPECT_NE(got.err.find(hint), got.err.npos) << got.err;
    json const summary =
        document({"train", "--resume", "--run-dir", "r", "--data", "beam.h5", "--epochs", "2"});
    EXPECT_GE(summary["epochs"], 2);
}
}  // namespace
}  // namespace calofuse::test
