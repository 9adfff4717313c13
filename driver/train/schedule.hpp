/// \file driver/train/schedule.hpp
/// Decisions at the end of an epoch from one monitored number, as Keras takes them: lower the
/// learning rate when it stops improving, stop the training, remember the best epoch. No I/O, no
/// clock; the state is plain data, so that a checkpoint can carry it.
#pragma once

#include <cstdint>
#include <optional>

namespace calofuse {
enum class Goal : std::uint8_t { lower, higher };

/// x < reference - min_delta, or x > reference + min_delta; false for NaN.
bool is_better(Goal goal, double x, double reference, double min_delta);
/// The reference that everything improves on: +infinity or -infinity.
double worst_value(Goal goal);

struct PlateauConfig {
    Goal goal = Goal::lower;
    double factor = 0.1;         ///< new rate = max(rate * factor, min_rate)
    std::int64_t patience = 10;  ///< epochs without improvement before the rate falls
    double min_delta = 1e-4;     ///< what counts as an improvement
    std::int64_t cooldown = 0;   ///< epochs after a fall in which none is counted
    double min_rate = 0;
};

class ReduceOnPlateau {
  public:
    struct State {
        double learning_rate = 0;
        double best = 0;
        std::int64_t wait = 0;
        std::int64_t cooldown = 0;
    };

    ReduceOnPlateau(PlateauConfig const& config, double learning_rate);

    /// At the end of an epoch; returns true if the learning rate fell.
    bool update(double value);
    double learning_rate() const { return state_.learning_rate; }

    State const& state() const { return state_; }
    void restore(State const& state) { state_ = state; }

  private:
    PlateauConfig config_;
    State state_;
};

struct EarlyStoppingConfig {
    Goal goal = Goal::lower;
    std::int64_t patience = 0;  ///< stop after so many epochs without improvement
    double min_delta = 0;
    std::optional<double> baseline = {};  ///< improvements short of it do not reset the count
    std::int64_t start_from_epoch = 0;    ///< earlier epochs are not watched
};

class EarlyStopping {
  public:
    struct State {
        double best = 0;
        std::int64_t next_epoch = 0;
        std::int64_t wait = 0;
        std::int64_t best_epoch = -1;  ///< whose weights to keep; -1: none watched yet
    };
    struct Decision {
        bool keep = false;  ///< keep the weights of this epoch: the first watched, or the best yet
        bool stop = false;
    };

    explicit EarlyStopping(EarlyStoppingConfig const& config);

    /// At the end of each epoch, in order, from epoch 0 on.
    Decision update(double value);
    /// Worst possible value until an epoch improved on it (NaN never does).
    double best() const { return state_.best; }
    std::int64_t best_epoch() const { return state_.best_epoch; }

    State const& state() const { return state_; }
    void restore(State const& state) { state_ = state; }

  private:
    EarlyStoppingConfig config_;
    State state_;
};
}  // namespace calofuse
