/// \file driver/judge/evaluation.hpp
/// Figures of merit of scored events. Score = probability of `electron`.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "io/scores_file.hpp"
#include "runtime/event_set.hpp"

namespace calofuse {
inline constexpr double kDecisionThreshold = 0.5;  ///< score above it: electron

struct EnergyFigures {
    Label label = Label::unknown;
    float energy_gev = 0;
    std::int64_t events = 0;
    double accuracy = 0, mean_score = 0;
    double accuracy_low = 0, accuracy_high = 1;  ///< Clopper-Pearson, 68.27 %
};

struct Evaluation {
    std::int64_t events = 0;
    double loss = 0;                    ///< mean binary cross-entropy
    double accuracy = 0;                ///< at kDecisionThreshold
    double auc = 0;                     ///< exact, ties one half; NaN if a class is missing
    std::int64_t confusion[2][2] = {};  ///< [true label][predicted], 0 hadron, 1 electron
    std::vector<EnergyFigures> per_energy;
};

/// With the sigmoid of the logits as scores, and what the events say of themselves.
ScoredEvents scored_events(EventSet const& events,
                           std::span<std::int32_t const> rows,
                           std::span<float const> logits);

/// Logits of `rows` against their labels; every row must be labelled.
Evaluation evaluate_logits(EventSet const& events,
                           std::span<std::int32_t const> rows,
                           std::span<float const> logits);

/// {"loss", "accuracy", "auc"}; not-a-number becomes null.
nlohmann::ordered_json headline(Evaluation const& e);
/// The document of `calofuse evaluate --json`.
nlohmann::ordered_json to_json(Evaluation const& e,
                               std::string const& model,
                               std::string const& split);
}  // namespace calofuse
