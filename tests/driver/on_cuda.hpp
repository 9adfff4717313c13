/// \file tests/driver/on_cuda.hpp
/// The program that is linked with the emulator, on a small store, with small networks.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "io/safetensors.hpp"
#include "tests/driver/program.hpp"

namespace calofuse::test {
using nlohmann::json;
using Words = std::vector<std::string>;

class OnCuda : public testing::Test {
  protected:
    explicit OnCuda(int events_of_a_file = 16)
    {
        document({"simulate", "--out", "beam", "--events", std::to_string(events_of_a_file),
                  "--energies", "60,150"});
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
    struct Steps {
        int batch = 13, per_graph = 1;
    };
    /// One epoch of a small network: three steps of 13 of the 64 events, say.
    Words train(std::string const& device,
                std::string const& run_dir,
                Words const& more,
                Steps steps) const
    {
        Words words = {"train",
                       "--data",
                       "beam.h5",
                       "--device",
                       device,
                       "--run-dir",
                       run_dir,
                       "--batch-size",
                       std::to_string(steps.batch),
                       "--epochs",
                       "1"};
        for (std::string const& set :
             {std::string("train.optimizer=sgd"), std::string("train.learning_rate=0.05"),
              std::string("train.bn_events=26"),
              "train.steps_per_graph=" + std::to_string(steps.per_graph)})
            words.insert(words.end(), {"--set", set});
        words.insert(words.end(), more.begin(), more.end());
        return words;
    }
    Words train(std::string const& device, std::string const& run_dir, Words const& more) const
    {
        return train(device, run_dir, more, Steps{});
    }
    SafeTensors weights(std::string const& run_dir) const
    {
        return read_safetensors(folder_.path() + "/" + run_dir + "/checkpoints/last.safetensors");
    }
    bool exists(std::string const& name) const { return std::filesystem::exists(folder_ / name); }
    Folder folder_;
};
inline Words const kHybrid = {"--model", "hybrid",
                              "--set",   "model.filters=8",
                              "--set",   "model.dense=16",
                              "--set",   "model.embedding=8",
                              "--set",   "model.gnn_units=8",
                              "--set",   "model.head=8"};
inline Words const kGat = {
    "--model",          "gat",   "--set",         "model.layers=2", "--set",
    "model.channels=8", "--set", "model.heads=2", "--set",          "model.head=8"};
}  // namespace calofuse::test
