/// \file driver/focalh/event_scores.hpp
/// Scores of single events of a store: what a trained network makes of them now, or what its run
/// wrote down.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "driver/train/checkpoint.hpp"
#include "driver/train/session.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse {
/// The best model of a run; none where the run has none (any more), or `run_dir` is empty.
std::optional<Checkpoint> best_model_of(std::string const& run_dir);

/// Scores that a run without its model left for these rows; empty where it has none.
std::vector<std::optional<float>> listed_scores(FocalhEvents const& events,
                                                std::vector<std::int64_t> const& rows,
                                                std::string const& run_dir);

std::vector<std::optional<float>> computed_scores(Session const& session,
                                                  Context& ctx,
                                                  Checkpoint const& model,
                                                  Dataset const& data,
                                                  std::vector<std::int64_t> const& rows);
}  // namespace calofuse
