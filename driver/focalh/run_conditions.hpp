/// \file driver/focalh/run_conditions.hpp
/// Pedestals belong to the conditions of a run, not to a model. The first of these that there is:
///   1. the file that the user gives now (`input.pedestals`, not the one that the run was given);
///   2. on the store of the training (same digest): those of the training;
///   3. those that the store has of its own;
///   4. those of the training.
#pragma once

#include "driver/train/checkpoint.hpp"
#include "driver/train/session.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse::focalh {
/// Before a training: `input.pedestals` takes the place of the store's own.
void prepare(Dataset& data, Options const& settings);

/// (256) of the file that the user gives now, or empty.
std::vector<float> given_pedestals(Session const& session,
                                   std::string const& model,
                                   ChannelMap const& map);

/// The rule above, for a model that was restored from `checkpoint`. A model that reads no pedestals
/// is left as it is.
void adopt(Session const& session,
           Checkpoint const& checkpoint,
           Dataset const& data,
           Parameters& parameters);
}  // namespace calofuse::focalh
