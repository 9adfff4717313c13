#include "driver/train/schedule.hpp"

#include <algorithm>
#include <limits>

#include "runtime/error.hpp"

namespace calofuse {
bool is_better(Goal goal, double x, double reference, double min_delta)
{
    return goal == Goal::lower ? x < reference - min_delta : x > reference + min_delta;
}

double worst_value(Goal goal)
{
    double const infinity = std::numeric_limits<double>::infinity();
    return goal == Goal::lower ? infinity : -infinity;
}

ReduceOnPlateau::ReduceOnPlateau(PlateauConfig const& config, double learning_rate)
    : config_(config), state_{learning_rate, worst_value(config.goal), 0, 0}
{
    CALOFUSE_CHECK(config.factor > 0 && config.factor < 1, "factor " << config.factor);
    CALOFUSE_CHECK(config.patience >= 0 && config.cooldown >= 0 && config.min_delta >= 0,
                   "patience " << config.patience << ", cooldown " << config.cooldown
                               << ", min_delta " << config.min_delta);
}

bool ReduceOnPlateau::update(double value)
{
    if (state_.cooldown > 0) {
        --state_.cooldown;
        state_.wait = 0;
    }
    if (is_better(config_.goal, value, state_.best, config_.min_delta)) {
        state_.best = value;
        state_.wait = 0;
        return false;
    }
    if (state_.cooldown > 0) return false;
    ++state_.wait;
    if (state_.wait < config_.patience || state_.learning_rate <= config_.min_rate) return false;
    state_.learning_rate = std::max(state_.learning_rate * config_.factor, config_.min_rate);
    state_.cooldown = config_.cooldown;
    state_.wait = 0;
    return true;
}

EarlyStopping::EarlyStopping(EarlyStoppingConfig const& config)
    : config_(config), state_{worst_value(config.goal), 0, 0, -1}
{
    CALOFUSE_CHECK(config.patience >= 0 && config.min_delta >= 0,
                   "patience " << config.patience << ", min_delta " << config.min_delta);
}

EarlyStopping::Decision EarlyStopping::update(double value)
{
    std::int64_t const epoch = state_.next_epoch++;
    if (epoch < config_.start_from_epoch) return {};
    bool const better = is_better(config_.goal, value, state_.best, config_.min_delta);
    Decision decision{better || state_.best_epoch < 0, false};
    if (decision.keep) state_.best_epoch = epoch;
    ++state_.wait;
    if (better) {
        state_.best = value;
        if (!config_.baseline
            || is_better(config_.goal, value, *config_.baseline, config_.min_delta))
            state_.wait = 0;
        return decision;
    }
    decision.stop = state_.wait >= config_.patience && epoch > 0;
    return decision;
}
}  // namespace calofuse
