/// \file driver/train/trainer.hpp
/// Trains one model for one task on the training part of a data set, epoch by epoch, and keeps the best.
/// Everything that decides a bit of the result is a function of settings, data and epoch: a run that
/// was stopped anywhere and resumed ends with the same bits.
#pragma once

#include <functional>
#include <memory>

#include "driver/judge/judge.hpp"
#include "driver/train/checkpoint.hpp"
#include "driver/train/run_directory.hpp"
#include "driver/train/schedule.hpp"
#include "driver/train/split.hpp"
#include "models/engine/training_step.hpp"

namespace calofuse {
/// What a progress line shows while an epoch runs.
struct TrainingStatus {
    std::int64_t epoch = 0, epochs = 0, step = 0, steps = 0;
    double events_per_s = 0, data_wait_fraction = 0, loss = 0;
};

/// What an epoch came to.
struct EpochFigures {
    std::int64_t epoch = 0;  ///< from 1
    Judgement train;         ///< of the training pass itself: dropout on
    Judgement valid;
    double bn_gap = 0;  ///< what stored statistics lose against those of the batch, same events
    double learning_rate = 0, events_per_s = 0, data_wait_fraction = 0, seconds = 0;
    bool best = false;
};

/// What is to be trained, with what, and where it goes.
struct TrainingJob {
    std::string model;
    Options settings;
    Task task;
    Split split;
    RunDirectory run;
};

enum class TrainingEnd : std::uint8_t { epochs, early_stop, interrupted };

class Trainer {
  public:
    struct Hooks {
        std::function<void(TrainingStatus const&)> status = {};
        std::function<void(EpochFigures const&)> epoch_done = {};
        std::function<bool()> stop_requested = {};
    };

    /// Takes all memory of a GPU that the training will ask for: there is enough of it now or never.
    Trainer(Context& ctx, TrainingJob const& job, Dataset const& data, DataOn data_on, Hooks hooks);

    // One of these comes before `run`.
    void start();   ///< saves the untrained model, so that every later moment can be resumed from
    void resume();  ///< continues from checkpoints/last
    TrainingEnd run();

    std::int64_t epochs_done() const { return epoch_; }
    /// From 1.
    std::int64_t best_epoch() const { return early_stopping_.best_epoch() + 1; }
    double events_per_s() const { return trained_events_ / std::max(train_seconds_, 1e-9); }
    double data_wait_fraction() const { return wait_seconds_ / std::max(train_seconds_, 1e-9); }
    /// Seconds by stage: train, calibrate, validate, checkpoint.
    std::vector<std::pair<std::string, double>> timing() const;
    std::int64_t planned_bytes() const;

  private:
    void make_model();
    void place(DataOn data_on);
    void make_programs(std::int64_t num_train);
    void rehearse();
    bool train_epoch();
    EpochFigures finish_epoch();
    double refresh_statistics();
    bool learn_from(EpochFigures& figures);
    Judgement judge_rows(std::span<std::int32_t const> rows, std::span<float const> outputs) const;
    void save(std::string const& name);

    Context& ctx_;
    TrainingJob const& job_;
    Options const& settings_;  ///< of the job
    Dataset const& data_;
    Hooks hooks_;
    std::unique_ptr<Model> model_;
    std::unique_ptr<Placed> placed_;
    std::unique_ptr<Optimizer> optimizer_;
    std::unique_ptr<TrainingStep> step_;
    std::unique_ptr<Scorer> scorer_, calibrator_;
    std::vector<std::int32_t> calibration_rows_;
    ReduceOnPlateau plateau_;
    EarlyStopping early_stopping_;

    std::int64_t epoch_ = 0;            ///< epochs completed
    std::int64_t step_in_epoch_ = 0;    ///< steps of the current epoch completed
    std::vector<float> epoch_outputs_;  ///< of these steps, for the figures of the training pass
    double epoch_loss_ = 0;
    double train_seconds_ = 0, wait_seconds_ = 0, trained_events_ = 0;
    double calibrate_seconds_ = 0, validate_seconds_ = 0, save_seconds_ = 0;
    double started_ = 0;
};
}  // namespace calofuse
