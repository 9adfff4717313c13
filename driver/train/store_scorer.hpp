/// \file driver/train/store_scorer.hpp
/// A trained model with all that it needs to score the events of one store. The channel map is that
/// of the store, the scaling that of the model. Pedestals belong to the run conditions; the first of
/// these that there is:
///   1. the file that the user gives now (`input.pedestals`, not the one that the run was given);
///   2. on the store of the training (same digest): those of the training;
///   3. those that the store has of its own;
///   4. those of the training.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "driver/train/checkpoint.hpp"
#include "driver/train/session.hpp"
#include "models/engine/training_step.hpp"
#include "runtime/event_set.hpp"

namespace calofuse {
/// Whether `events` are the store that the model was trained on. A store without manifest has no
/// digest, and is not known to be the one.
bool is_training_store(Checkpoint const& checkpoint, EventSet const& events);

/// (256) of the file that `input.pedestals` names on the command line, in the environment or in the
/// --config file of this session; empty if none of them does.
std::vector<float> given_pedestals(Session const& session,
                                   Checkpoint const& checkpoint,
                                   ChannelMap const& map);

/// Scaling of the model with the channel map of the store and the pedestals of the rule above.
/// `given`: as above, (256) or empty.
InputScaling scaling_for(Checkpoint const& checkpoint,
                         EventSet const& events,
                         std::vector<float> given);

/// Events that are scored at once; does not change a score.
std::int64_t scoring_batch(EventSet const& events);

class StoreScorer {
  public:
    /// `events` must outlive this. `given`: as above, (256) or empty.
    StoreScorer(Context& ctx,
                Checkpoint const& checkpoint,
                EventSet const& events,
                std::vector<float> given,
                DataOn data_on = DataOn::device);
    std::vector<float> logits(std::span<std::int32_t const> rows) { return scorer_.run(rows); }
    InputScaling const& scaling() const { return input_.scaling(); }

  private:
    std::unique_ptr<Model> model_;
    EventInput input_;
    Scorer scorer_;
};
}  // namespace calofuse
