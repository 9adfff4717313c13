/// \file driver/store_scorer.hpp
/// A trained model with all that it needs to score the events of one store. The channel map is that
/// of the store, and so are the pedestals if it has a pedestal file: they belong to the data. The
/// rest of the scaling belongs to the model.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "driver/checkpoint.hpp"
#include "models/training_step.hpp"
#include "runtime/event_set.hpp"

namespace calofuse {
class StoreScorer {
  public:
    /// `events` must outlive this.
    StoreScorer(Context& ctx, Checkpoint const& checkpoint, EventSet const& events);
    std::vector<float> logits(std::span<std::int32_t const> rows) { return scorer_.run(rows); }

  private:
    std::unique_ptr<Model> model_;
    EventInput input_;
    Scorer scorer_;
};
}  // namespace calofuse
