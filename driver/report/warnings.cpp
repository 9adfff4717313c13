#include "driver/report/warnings.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>

#include "driver/judge/document.hpp"

namespace calofuse {
namespace {
constexpr double kMaxBatchNormGap = 0.02;  ///< accuracy, training mode - evaluation mode
constexpr double kMaxOverfit = 0.05;       ///< accuracy, training - validation
constexpr double kMaxDropped = 0.01;       ///< share of the events
constexpr double kMaxEmpty = 0.05;         ///< share of the events
constexpr double kMaxDataWait = 0.1;       ///< share of the time
constexpr double kSameNumber = 1e-4;       ///< the same metric computed twice, from rounded scores
constexpr double kUnlikely = 4.0;          ///< standard deviations

/// Value of the last epoch not after the best one.
double at_best(ReportData const& data, char const* split, char const* name)
{
    Curve const curve = data.curve(split, name);
    double out = NAN;
    for (std::size_t i = 0; i < curve.epoch.size(); ++i)
        if (curve.epoch[i] <= static_cast<double>(data.best_epoch)) out = curve.value[i];
    return out;
}

void check_rows(ReportData const& data, std::vector<std::string>& out)
{
    Judgement const& j = data.judgement;
    if (j.rows == 0)
        out.emplace_back("There is no labelled test event: none of the test metrics exist.");
    for (HeadJudgement const& head : j.heads) {
        if (head.rows == 0 || head.kind == TaskKind::regression) continue;
        for (std::size_t c = 0; c < head.names.size(); ++c) {
            auto const& row = head.confusion[c];
            if (std::accumulate(row.begin(), row.end(), std::int64_t{0}) > 0) continue;
            out.push_back(head.kind == TaskKind::binary
                              ? "The test events are all of one class: AUC and ROC do not exist."
                              : "There is no test event of class " + head.names[c]
                                    + ": its figures do not exist.");
        }
    }
    if (j.rows != data.split[2])
        out.push_back(fmt::format("data.json counts {} test events, the predictions hold {}.",
                                  data.split[2], j.rows));
}

/// The training's own numbers against those of the predictions.
void check_numbers(ReportData const& data, std::vector<std::string>& out)
{
    auto const judged = headline(data.judgement);
    for (auto const& [name, reported] : data.test) {
        if (!judged.contains(name) || judged[name].is_null()) continue;
        auto const here = judged[name].get<double>();
        if (std::abs(reported - here) > kSameNumber * std::max(1.0, std::abs(here)))
            out.push_back(
                fmt::format("The training reported a test {} of {:.6f}, the predictions say "
                            "{:.6f}: they are not "
                            "of the same run or checkpoint.",
                            name == "auc" ? "AUC" : name, reported, here));
    }
    double const accuracy = data.judgement.first().figure("accuracy"),
                 v = number_of(data.valid, "accuracy");
    if (data.judgement.rows == 0 || data.split[1] == 0 || !std::isfinite(accuracy)) return;
    double const sigma = std::sqrt(accuracy * (1 - accuracy)
                                   * (1.0 / static_cast<double>(data.judgement.rows)
                                      + 1.0 / static_cast<double>(data.split[1])));
    if (std::abs(v - accuracy) > kUnlikely * sigma && std::abs(v - accuracy) > 1e-3)
        out.push_back(
            fmt::format("Validation accuracy {:.4f} and test accuracy {:.4f} differ by "
                        "more than {:.0f} standard deviations ({:.4f}).",
                        v, accuracy, kUnlikely, sigma));
}

void check_training(ReportData const& data, std::vector<std::string>& out)
{
    if (data.bad_metric_rows > 0)
        out.push_back(
            fmt::format("{} values of metrics.jsonl are not finite: the training was "
                        "unstable, or a metric is not defined for these events.",
                        data.bad_metric_rows));
    double gap = NAN;
    for (Metric const& metric : data.metrics)
        if (metric.name == "bn_gap") gap = at_best(data, metric.split.c_str(), "bn_gap");
    if (std::abs(gap) > kMaxBatchNormGap)
        out.push_back(fmt::format(
            "On the same training events, batch norm in training mode gives {:.3f} more accuracy "
            "than in evaluation mode: the stored statistics do not fit the weights.",
            gap));
    double const train = at_best(data, "train", "accuracy"),
                 valid = at_best(data, "valid", "accuracy");
    if (train - valid > kMaxOverfit)
        out.push_back(
            fmt::format("At the best epoch the training accuracy {:.3f} exceeds the "
                        "validation accuracy {:.3f} by more than {:.2f}: overfitting.",
                        train, valid, kMaxOverfit));
    if (data.data_wait_fraction > kMaxDataWait)
        out.push_back(fmt::format("{:.0f} % of the training time went into waiting for data.",
                                  100 * data.data_wait_fraction));
}

void check_data(ReportData const& data, std::vector<std::string>& out)
{
    std::int64_t dropped = 0;
    for (auto const& [reason, count] : data.dropped)
        dropped += count;
    auto const events = static_cast<double>(std::max<std::int64_t>(data.num_events, 1));
    if (static_cast<double>(dropped) > kMaxDropped * (events + static_cast<double>(dropped)))
        out.push_back(fmt::format(
            "{} events were dropped ({:.1f} %).", dropped,
            100.0 * static_cast<double>(dropped) / (events + static_cast<double>(dropped))));
    std::int64_t const empty = data.empty_triggers.value_or(0);
    if (static_cast<double>(empty) > kMaxEmpty * events)
        out.push_back(fmt::format("{} of {} events are empty triggers ({:.1f} %).", empty,
                                  data.num_events, 100.0 * static_cast<double>(empty) / events));
    std::int64_t const used =
        std::accumulate(data.split.begin(), data.split.end(), std::int64_t{0});
    if (used > data.num_events)
        out.push_back(
            fmt::format("The parts of the split hold {} events, the store {}: some are in "
                        "two parts.",
                        used, data.num_events));
}
}  // namespace

std::vector<std::string> find_warnings(ReportData const& data)
{
    std::vector<std::string> out;
    check_numbers(data, out);
    check_rows(data, out);
    check_training(data, out);
    check_data(data, out);
    return out;
}
}  // namespace calofuse
