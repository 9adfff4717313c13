/// \file driver/train/run.hpp
/// One training from settings and a store to a finished run directory.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "driver/train/session.hpp"
#include "driver/train/trainer.hpp"

namespace calofuse {
struct TrainingData {
    std::string path;
    Dataset const& data;
    DataOn on;  ///< for all that follows: how much memory is free is not the same any more
    double read_s = 0;
};

/// A new job: task, split and what the task fits on the training part.
TrainingJob new_job(std::string const& model,
                    Options const& settings,
                    Dataset const& data,
                    RunDirectory const& run);

/// The job of a run that goes on: its task comes from checkpoints/last.
TrainingJob resumed_job(Options const& settings, Dataset const& data, RunDirectory const& run);

/// What trains once more on all events with a target, for as long as the best model was trained: a
/// run of its own, in `retrained`, whose settings say that no event is left to judge it by.
TrainingJob job_on_everything(TrainingJob const& job, Dataset const& data, std::int64_t epochs);

struct Trained {
    nlohmann::ordered_json summary;  ///< summary.json
    Judgement test;
    std::int64_t best_epoch = 0;
};

/// Where a GPU's memory is too little, the plan is printed before the error is thrown on.
Trained run_training(Session const& session,
                     Context& ctx,
                     TrainingJob const& job,
                     TrainingData const& data,
                     bool resume);
}  // namespace calofuse
