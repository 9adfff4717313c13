/// train, evaluate and predict with --device cuda, by the program that is linked with the emulator: the
/// same objects as the real one.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include <gtest/gtest.h>

#include "io/safetensors.hpp"
#include "tests/driver/program.hpp"

namespace calofuse::test {
namespace {
using nlohmann::json;
using Words = std::vector<std::string>;

class OnCuda : public testing::Test {
  protected:
    OnCuda()
    {
        document({"simulate", "--out", "beam", "--events", "16", "--energies", "60,150"});
        document({"convert", "--out", "beam.h5", "beam/electron", "beam/hadron"});
    }
    Outcome run_here(Words const& words, Words const& environment = {})
    {
        return run(words, {.folder = folder_.path(), .environment = environment});
    }
    json document(Words words, Words const& environment = {})
    {
        words.push_back("--json");
        Outcome const got = run_here(words, environment);
        EXPECT_EQ(got.exit, 0) << got.err;
        return got.exit == 0 ? json::parse(got.out) : json::object();
    }
    /// Three steps of 13 events a step of a small network: one epoch.
    Words train(std::string const& device, std::string const& run_dir, Words const& more) const
    {
        Words words = {"train", "--data",       "beam.h5", "--device", device, "--run-dir",
                       run_dir, "--batch-size", "13",      "--epochs", "1"};
        for (char const* set : {"train.optimizer=sgd", "train.learning_rate=0.05",
                                "train.bn_events=26", "train.steps_per_graph=1"})
            words.insert(words.end(), {"--set", set});
        words.insert(words.end(), more.begin(), more.end());
        return words;
    }
    SafeTensors weights(std::string const& run_dir) const
    {
        return read_safetensors(folder_.path() + "/" + run_dir + "/checkpoints/last.safetensors");
    }
    void expect_same_training(Words const& model);
    Folder folder_;
};
Words const kHybrid = {"--model", "hybrid",
                       "--set",   "model.filters=8",
                       "--set",   "model.dense=16",
                       "--set",   "model.embedding=8",
                       "--set",   "model.gnn_units=8",
                       "--set",   "model.head=8"};
Words const kGat = {"--model",          "gat",   "--set",         "model.layers=2", "--set",
                    "model.channels=8", "--set", "model.heads=2", "--set",          "model.head=8"};

/// After three steps, of which two were replayed from a captured graph, the weights of both backends
/// differ by the rounding of their sums: about 1e-6 of how far they have moved (a thousandth is
/// allowed, because a sign of a leaky ReLU may turn over).
void OnCuda::expect_same_training(Words const& model)
{
    document(train("cpu", "cpu", model));
    document(train("cuda", "gpu", model));
    Words streamed = model;
    streamed.insert(streamed.end(), {"--data-on", "host"});
    document(train("cuda", "streamed", streamed));
    SafeTensors const cpu = weights("cpu"), gpu = weights("gpu"), ring = weights("streamed");
    int compared = 0;
    for (auto const& [name, tensor] : cpu.tensors) {
        if (name.rfind("param.", 0) != 0) continue;
        auto const want = tensor.values<float>(), got = gpu.at(name).values<float>();
        ASSERT_EQ(want.size(), got.size()) << name;
        EXPECT_EQ(got, ring.at(name).values<float>()) << name << ": streamed events change bits";
        for (std::size_t i = 0; i < want.size(); ++i)
            EXPECT_NEAR(got[i], want[i], 1e-5) << name << ' ' << i;
        ++compared;
    }
    EXPECT_GT(compared, 10);
}
}  // namespace

TEST_F(OnCuda, hybrid_trains_as_on_the_cpu)
{
    expect_same_training(kHybrid);
    json const on_gpu =
        document({"evaluate", "--run-dir", "gpu", "--data", "beam.h5", "--device", "cuda"});
    json const on_cpu =
        document({"evaluate", "--run-dir", "gpu", "--data", "beam.h5", "--device", "cpu"});
    EXPECT_NEAR(on_gpu["loss"].get<double>(), on_cpu["loss"].get<double>(), 1e-5);
    EXPECT_EQ(on_gpu["events"], on_cpu["events"]);
    document({"predict", "--run-dir", "gpu", "--data", "beam.h5", "--out", "s.csv", "--device",
              "cuda", "--data-on", "host"});
    std::string const scores = slurp(folder_.path() + "/s.csv");
    EXPECT_EQ(std::count(scores.begin(), scores.end(), '\n'), 65) << "a header and 64 events";
    EXPECT_EQ(json::parse(slurp(folder_.path() + "/gpu/env.json"))["device"], "cuda");
}

TEST_F(OnCuda, gat_trains_as_on_the_cpu)
{
    expect_same_training(kGat);
}

TEST_F(OnCuda, devices_that_are_not_there_are_exit_69)
{
    Outcome const got = run_here(train("cuda:7", "r", kGat));
    EXPECT_EQ(got.exit, 69);
    EXPECT_NE(got.err.find("there is no GPU 7: this machine has 1"), std::string::npos) << got.err;
    EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/r"));
}

/// A kernel that dies leaves a context that nothing more comes out of: the error names it, and the
/// checkpoint is still the one from before. (The emulator makes the exit code 66 of every finding.)
TEST_F(OnCuda, nothing_is_saved_from_a_lost_device)
{
    Outcome const got = run_here(train("cuda", "r", kGat), {"CUDA_EMU_MAX_WARP_INSTRUCTIONS=2000"});
    EXPECT_NE(got.exit, 0);
    EXPECT_NE(got.err.find("error[CF-DEV-04]"), std::string::npos) << got.err;
    EXPECT_NE(got.err.find("last launch: "), std::string::npos) << got.err;
    SafeTensors const last = weights("r");
    EXPECT_EQ(json::parse(last.metadata.at("progress"))["epoch"], 0);
    EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/r/checkpoints/best.safetensors"));
    EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/r/summary.json"));
}

TEST_F(OnCuda, too_little_memory_is_exit_69_with_the_plan_before_anything_is_written)
{
    Words const words = train("cuda", "r", {"--model", "gat"});
    Outcome const got = run_here(words, {"CUDA_EMU_MEMORY_MB=40"});
    EXPECT_EQ(got.exit, 69) << got.err;
    for (char const* part : {"memory plan:", "MB  events", "MB  weights and optimiser",
                             "MB  training step", "are free", "error[CF-DEV-03]"})
        EXPECT_NE(got.err.find(part), std::string::npos) << part << '\n' << got.err;
    EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/r"));
}

TEST_F(OnCuda, doctor_checks_the_device_too)
{
    json const found = document({"doctor"});
    EXPECT_EQ(found["cuda"]["devices"].size(), 1U);
    EXPECT_EQ(found["self_check"].back()["backend"], "cuda");
    EXPECT_EQ(found["self_check"].back()["passed"], true);
}

TEST_F(OnCuda, who_multiplies_matrices_is_refused_in_one_line)
{
    for (auto const& [value, exit, code] :
         {std::tuple{"CALOFUSE_GEMM=blas", 78, "error[CF-CFG-23]"},
          std::tuple{"CALOFUSE_GEMM=cublaslt", 69, "error[CF-DEV-05]"}}) {
        Outcome const got = run_here(train("cuda", "r" + std::to_string(exit), kGat), {value});
        EXPECT_EQ(got.exit, exit) << got.err;
        EXPECT_NE(got.err.find(code), std::string::npos) << got.err;
    }
}

TEST_F(OnCuda, other_precisions_are_refused)
{
    Words words = train("cuda", "r", kGat);
    words.insert(words.end(), {"--precision", "bf16"});
    Outcome const got = run_here(words);
    EXPECT_EQ(got.exit, 78);
    EXPECT_NE(got.err.find("fp32 only"), std::string::npos) << got.err;
}
}  // namespace calofuse::test
