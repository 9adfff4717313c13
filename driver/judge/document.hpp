/// \file driver/judge/document.hpp
/// Figures of merit as JSON and as lines of text. Not-a-number becomes null.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "driver/judge/judge.hpp"

namespace calofuse {
/// What metrics.jsonl and summary.json hold: {"loss", "accuracy", "auc"}; classes {"loss", "accuracy",
/// "macro_auc"}; regression {"loss", "bias", "resolution", "mae", "rmse"} (".VALUE" of several values).
/// Of several heads: {"loss", "TARGET.loss", "TARGET.accuracy", ..}.
nlohmann::ordered_json headline(Judgement const& judgement);

/// The same in one line: "loss 0.3012 accuracy 0.8812 auc 0.9431".
std::string headline_text(Judgement const& judgement);

/// The document of `calofuse evaluate --json`:
///   {"model", "split", "events", headline, "threshold", "confusion": {TRUE: {TAKEN: n}},
///    "per_energy": [{"label", "energy_gev", "events", "accuracy", "accuracy_low", "accuracy_high",
///    "mean_score"}]}
/// classes: without "threshold", with "figures": {NAME: {"value", "low", "high"}}; regression: "figures",
/// and "bins": [{"value", "low", "high", "events", "figures"}]. Of several heads these stand in
/// "heads": [{"target", "kind", "events", ..}].
nlohmann::ordered_json to_json(Judgement const& judgement,
                               std::string const& model,
                               std::string const& split);

/// The same for people.
std::vector<std::string> to_lines(Judgement const& judgement,
                                  std::string const& model,
                                  std::string const& split);
}  // namespace calofuse
