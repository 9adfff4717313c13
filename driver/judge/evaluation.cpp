#include "driver/judge/evaluation.hpp"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "driver/judge/interval.hpp"
#include "kernels/metric/auc.hpp"
#include "runtime/buffer.hpp"

namespace calofuse {
namespace {
using nlohmann::ordered_json;

/// Not-a-number has no JSON form.
ordered_json number(double value)
{
    return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

double exact_auc(std::vector<float> const& score, std::vector<std::uint8_t> const& label)
{
    if (score.empty()) return std::nan("");
    Context ctx = Context::cpu(1);
    double out = 0;
    auto const n = static_cast<std::int64_t>(score.size());
    auc(ctx, {.score = tensor_ref(score.data(), {n}),
              .label = tensor_ref(label.data(), {n}),
              .auc = tensor_ref(&out, {1})});
    return out;
}

float sigmoid(float logit)
{
    return static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(logit))));
}

/// log(1 + exp(-z)) for the true class, without overflow.
double cross_entropy(double logit, bool electron)
{
    double const z = electron ? logit : -logit;
    return std::max(-z, 0.0) + std::log1p(std::exp(-std::abs(z)));
}
}  // namespace

ScoredEvents scored_events(EventSet const& events,
                           std::span<std::int32_t const> rows,
                           std::span<float const> logits)
{
    ScoredEvents out;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto const row = static_cast<std::size_t>(rows[i]);
        out.file_id.push_back(events.file_id[row]);
        out.event_index.push_back(events.event_index[row]);
        out.score.push_back(sigmoid(logits[i]));
        out.label.push_back(events.label[row]);
        out.energy_gev.push_back(events.energy_gev[row]);
    }
    return out;
}

Evaluation evaluate_logits(EventSet const& events,
                           std::span<std::int32_t const> rows,
                           std::span<float const> logits)
{
    CALOFUSE_CHECK(rows.size() == logits.size(), rows.size()
                                                     << " rows, " << logits.size() << " logits");
    Evaluation e;
    e.events = static_cast<std::int64_t>(rows.size());
    std::vector<std::uint8_t> labels(rows.size());
    std::map<std::pair<int, float>, EnergyFigures> groups;
    std::int64_t right = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto const row = static_cast<std::size_t>(rows[i]);
        labels[i] = events.label[row];
        CALOFUSE_CHECK(labels[i] <= 1, "event " << row << " has no label");
        float const score = sigmoid(logits[i]);
        int const decision = score > kDecisionThreshold ? 1 : 0;
        bool const hit = decision == labels[i];
        e.loss += cross_entropy(logits[i], labels[i] == 1);
        right += hit ? 1 : 0;
        ++e.confusion[labels[i]][decision];
        EnergyFigures& g = groups[{labels[i], events.energy_gev[row]}];
        ++g.events;
        g.accuracy += hit ? 1 : 0;
        g.mean_score += score;
    }
    double const n = static_cast<double>(e.events);
    e.loss /= n;
    e.accuracy = static_cast<double>(right) / n;
    e.auc = exact_auc({logits.begin(), logits.end()}, labels);
    for (auto& [key, g] : groups) {
        g.label = static_cast<Label>(key.first);
        g.energy_gev = key.second;
        Interval const band = clopper_pearson(static_cast<std::int64_t>(g.accuracy), g.events);
        g.accuracy_low = band.low;
        g.accuracy_high = band.high;
        g.accuracy /= static_cast<double>(g.events);
        g.mean_score /= static_cast<double>(g.events);
        e.per_energy.push_back(g);
    }
    return e;
}

ordered_json headline(Evaluation const& e)
{
    return {{"loss", number(e.loss)}, {"accuracy", number(e.accuracy)}, {"auc", number(e.auc)}};
}

ordered_json to_json(Evaluation const& e, std::string const& model, std::string const& split)
{
    ordered_json out = {{"model", model}, {"split", split}, {"events", e.events}};
    out.update(headline(e));
    out["threshold"] = kDecisionThreshold;
    for (int label = 0; label < 2; ++label)
        for (int decision = 0; decision < 2; ++decision)
            out["confusion"][name_of(static_cast<Label>(label))]
               [name_of(static_cast<Label>(decision))] = e.confusion[label][decision];
    out["per_energy"] = ordered_json::array();
    for (EnergyFigures const& g : e.per_energy)
        out["per_energy"].push_back({{"label", name_of(g.label)},
                                     {"energy_gev", g.energy_gev},
                                     {"events", g.events},
                                     {"accuracy", g.accuracy},
                                     {"accuracy_low", g.accuracy_low},
                                     {"accuracy_high", g.accuracy_high},
                                     {"mean_score", g.mean_score}});
    return out;
}
}  // namespace calofuse
