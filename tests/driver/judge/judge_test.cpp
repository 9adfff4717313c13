#include "driver/judge/judge.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <gtest/gtest.h>

#include "driver/judge/interval.hpp"
#include "driver/judge/quick.hpp"
#include "driver/judge/statistics.hpp"
#include "tests/driver/judge/judge_case.hpp"
#include "tests/support/synthetic_run.hpp"
#include "tests/support/temp_folder.hpp"

namespace calofuse::test {
namespace {
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// From the definition, pair by pair.
double slow_auc(std::vector<double> const& score,
                std::vector<int> const& label,
                std::vector<double> const& weight)
{
    double sum = 0, pairs = 0;
    for (std::size_t i = 0; i < score.size(); ++i)
        for (std::size_t j = 0; j < score.size(); ++j)
            if (label[i] == 1 && label[j] == 0) {
                double const w = weight[i] * weight[j];
                pairs += w;
                sum += w * (score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0);
            }
    return sum / pairs;
}
}  // namespace

TEST(JudgeBinary, six_events_by_hand)
{
    Task const task = task_of(head_of(TaskKind::binary, "label", {"hadron", "electron"}));
    Dataset data = dataset(7);
    add<std::uint8_t>(data, "label", {0, 0, 0, 1, 1, 1, 255});
    add<float>(data, "energy_gev", {20, 20, 60, 20, 20, 60, 60});
    std::vector<float> const z = {-2, 0, 1, -1, 1, 3, 9};
    Judgement const j = judge(all_of(task, data, z), task);
    HeadJudgement const& head = j.first();
    EXPECT_EQ(j.rows, 6);
    EXPECT_EQ(head.confusion, (std::vector<std::vector<std::int64_t>>{{2, 1}, {1, 2}}));
    EXPECT_DOUBLE_EQ(head.figure("accuracy"), 4 / 6.0);
    Interval const interval = clopper_pearson(4, 6);
    EXPECT_EQ(find_figure(head.figures, "accuracy").low, interval.low);
    EXPECT_EQ(find_figure(head.figures, "accuracy").high, interval.high);
    // Pairs that electrons win: -1 over -2; 1 over -2, 0, and half over 1; 3 over all.
    EXPECT_DOUBLE_EQ(head.figure("auc"), (1 + 2.5 + 3) / 9);
    double loss = 0;
    for (int i = 0; i < 6; ++i)
        loss -= std::log(i < 3 ? 1 - sigmoid(static_cast<double>(z[static_cast<std::size_t>(i)]))
                               : sigmoid(static_cast<double>(z[static_cast<std::size_t>(i)])))
                / 6;
    EXPECT_NEAR(j.loss, loss, 1e-14);
    ASSERT_EQ(head.groups.size(), 4U);
    EXPECT_EQ(head.groups[0].name, "hadron 20 GeV");
    EXPECT_EQ(head.groups[0].rows, 2);
    EXPECT_EQ(head.groups[0].figure("accuracy").value, 1);
    EXPECT_NEAR(head.groups[2].figure("mean_score").value, (sigmoid(-1) + sigmoid(1)) / 2, 1e-15);
    EXPECT_EQ(head.groups[2].label, "electron");
    EXPECT_EQ(head.groups[2].low, 20);
    EXPECT_TRUE(std::isnan(head.figure("no such figure")));
}

TEST(JudgeBinary, weights_smoothing_and_class_weights)
{
    Head head = head_of(TaskKind::binary, "label", {"b", "s"});
    head.label_smoothing = 0.2F;
    head.class_weight = {0.5F, 1.5F};
    Task task = task_of(head);
    task.weight = "w";
    Draw draw(1);
    std::size_t const n = 200;
    std::vector<float> z, w;
    std::vector<std::uint8_t> label;
    for (std::size_t i = 0; i < n; ++i) {
        label.push_back(draw.uniform() > 0.6 ? 1 : 0);
        z.push_back(static_cast<float>(std::round(4 * draw.normal() + label.back())) / 4);  // ties
        w.push_back(static_cast<float>(draw.uniform()) + 0.1F);
    }
    Dataset data = dataset(n);
    add(data, "label", label);
    add(data, "w", w);
    Judgement const j = judge(all_of(task, data, z), task);
    double loss = 0, right = 0, sum = 0;
    std::vector<double> score(z.begin(), z.end()), weight(w.begin(), w.end());
    std::vector<int> const truth(label.begin(), label.end());
    for (std::size_t i = 0; i < n; ++i) {
        double const s = static_cast<double>(head.label_smoothing), t = label[i] * (1 - s) + s / 2;
        double const p = sigmoid(score[i]);
        loss -= weight[i] * (1.5 * t * std::log(p) + 0.5 * (1 - t) * std::log(1 - p));
        right += weight[i] * ((p > 0.5) == (label[i] == 1) ? 1 : 0);
        sum += weight[i];
    }
    EXPECT_NEAR(j.loss, loss / static_cast<double>(n), 1e-12);
    EXPECT_NEAR(j.first().figure("accuracy"), right / sum, 1e-12);
    EXPECT_NEAR(j.first().figure("auc"), slow_auc(score, truth, weight), 1e-6);
}

TEST(JudgeBinary, saturated_scores_keep_their_order)
{
    Task const task = task_of(head_of(TaskKind::binary, "label", {"b", "s"}));
    Dataset data = dataset(4);
    add<std::uint8_t>(data, "label", {0, 1, 0, 1});
    Predictions p = all_of(task, data, {30, 31, 90, 91});  // 1 in float, the last two in double
    add_probabilities(p, task);
    TempFolder const folder;
    for (std::string const name : {"p.csv", "p.h5"}) {
        write_predictions(p, folder / name, Overwrite::no);
        EXPECT_EQ(judge(read_predictions(folder / name, task), task).first().figure("auc"), 0.75);
    }
}

TEST(JudgeBinary, one_class_or_no_events)
{
    Task const task = task_of(head_of(TaskKind::binary, "label", {"b", "s"}));
    Dataset data = dataset(2);
    add<std::uint8_t>(data, "label", {1, 1});
    Judgement const one = judge(all_of(task, data, {1, -1}), task);
    EXPECT_EQ(one.first().figure("accuracy"), 0.5);
    EXPECT_TRUE(std::isnan(one.first().figure("auc")));
    Dataset none = dataset(0);
    add<std::uint8_t>(none, "label", {});
    Judgement const nothing = judge(all_of(task, none, {}), task);
    EXPECT_EQ(nothing.rows, 0);
    EXPECT_TRUE(std::isnan(nothing.loss));
    EXPECT_TRUE(std::isnan(nothing.first().figure("accuracy")));
}

TEST(Judge, bad_predictions_are_refused)
{
    Task task = task_of(head_of(TaskKind::binary, "label", {"b", "s"}));
    Dataset data = dataset(2);
    add<std::uint8_t>(data, "label", {1, 0});
    Predictions const p = all_of(task, data, {1, kNan});
    expect_error([&] { judge(p, task); }, Exit::numerical, "CF-NUM-01");
    Predictions const good = all_of(task, data, {1, 2});
    task.weight = "w";
    expect_error([&] { judge(good, task); }, Exit::data, "CF-JDG-01");
    Task const vector = task_of(head_of(TaskKind::regression, "label", {"x", "y"}));
    expect_error([&] { judge(good, vector); }, Exit::data, "CF-JDG-02");
}

TEST(JudgeClasses, agrees_with_the_definitions)
{
    Head head = head_of(TaskKind::classes, "label", {"g", "q", "t"});
    head.label_smoothing = 0.1F;
    head.class_weight = {0.5F, 1, 1.5F};
    Task const task = task_of(head);
    Draw draw(2);
    std::size_t const n = 3000;
    std::vector<std::int32_t> label;
    std::vector<float> z;
    for (std::size_t i = 0; i < n; ++i) {
        label.push_back(i % 50 == 7 ? -1 : static_cast<std::int32_t>(3 * draw.uniform()));
        for (std::int32_t c = 0; c < 3; ++c)
            z.push_back(static_cast<float>(draw.normal() + (c == label.back() ? 1.5 : 0)));
    }
    Dataset data = dataset(n);
    add(data, "label", label);
    Judgement const j = judge(all_of(task, data, z), task);
    HeadJudgement const& h = j.first();
    std::vector<std::vector<std::int64_t>> confusion(3, std::vector<std::int64_t>(3));
    std::vector<std::vector<double>> p(3);
    std::vector<int> truth;
    double loss = 0;
    for (std::size_t i = 0; i < n; ++i) {
        if (label[i] < 0) continue;
        double sum = 0;
        for (std::size_t c = 0; c < 3; ++c)
            sum += std::exp(static_cast<double>(z[3 * i + c]));
        for (std::size_t c = 0; c < 3; ++c) {
            p[c].push_back(std::exp(static_cast<double>(z[3 * i + c])) / sum);
            double const q = (static_cast<int>(c) == label[i] ? 0.9 : 0) + 0.1 / 3;
            loss -= static_cast<double>(head.class_weight[c]) * q * std::log(p[c].back());
        }
        auto const from = z.begin() + static_cast<std::ptrdiff_t>(3 * i);
        auto const taken = std::max_element(from, from + 3) - from;
        ++confusion[static_cast<std::size_t>(label[i])][static_cast<std::size_t>(taken)];
        truth.push_back(label[i]);
    }
    EXPECT_EQ(h.rows, std::ssize(truth));
    EXPECT_EQ(h.confusion, confusion);
    EXPECT_NEAR(h.loss, loss / static_cast<double>(truth.size()), 1e-8);  // 0.1F is not 0.1
    double macro = 0;
    for (std::size_t c = 0; c < 3; ++c) {
        std::vector<int> one;
        for (int const t : truth)
            one.push_back(t == static_cast<int>(c) ? 1 : 0);
        double const area = slow_auc(p[c], one, std::vector<double>(truth.size(), 1));
        macro += area / 3;
        EXPECT_NEAR(h.figure("auc." + head.names[c]), area, 1e-6);
        // Loosest cut that lets at most 1 % of the rest through.
        std::vector<double> rest;
        for (std::size_t i = 0; i < truth.size(); ++i)
            if (one[i] == 0) rest.push_back(p[c][i]);
        std::sort(rest.rbegin(), rest.rend());
        double const cut = rest[rest.size() / 100];
        double kept = 0, own = 0;
        for (std::size_t i = 0; i < truth.size(); ++i) {
            kept += one[i] == 1 && p[c][i] > cut ? 1 : 0;
            own += one[i];
        }
        EXPECT_NEAR(h.figure("efficiency." + head.names[c] + "@0.01"), kept / own, 1e-12);
        EXPECT_TRUE(std::isnan(h.figure("efficiency." + head.names[c] + "@0.001")));
    }
    EXPECT_NEAR(h.figure("macro_auc"), macro, 1e-6);
    EXPECT_EQ(h.groups.size(), 3U);
}

TEST(JudgeValues, four_events_by_hand)
{
    Task const task = task_of(head_of(TaskKind::regression, "e", {"e"}));
    Dataset data = dataset(6);
    add<float>(data, "e", {1, 2, 4, 5, kNan, -999});
    Task missing = task;
    missing.heads[0].missing = -999;
    HeadJudgement const h = judge(all_of(missing, data, {1.5F, 2, 3.5F, 7, 1, 1}), missing).first();
    EXPECT_EQ(h.rows, 4);  // residuals 0.5, 0, -0.5, 2
    EXPECT_DOUBLE_EQ(h.figure("bias"), 0.5);
    EXPECT_DOUBLE_EQ(h.figure("mae"), 0.75);
    EXPECT_DOUBLE_EQ(h.figure("rmse"), std::sqrt(4.5 / 4));
    EXPECT_DOUBLE_EQ(h.figure("resolution"), std::sqrt(4.5 / 4 - 0.25));
    EXPECT_DOUBLE_EQ(h.loss, 4.5 / 4);
    EXPECT_DOUBLE_EQ(h.figure("response"), (1.5 + 1 + 0.875 + 1.4) / 4);
    EXPECT_EQ(h.groups.size(), 4U);
    EXPECT_TRUE(std::isnan(h.figure("stochastic")));  // no GeV
    // -999 is a truth like any other where nothing says that it is missing: no responses then.
    EXPECT_TRUE(
        std::isnan(judge(all_of(task, data, {1, 2, 3, 4, 5, 6}), task).first().figure("response")));
}

TEST(JudgeValues, losses_are_those_of_scaled_units)
{
    Head head = head_of(TaskKind::regression, "v", {"x", "y"});
    head.mean = {1, -2};
    head.scale = {2, 4};
    Dataset data = dataset(2);
    add<float>(data, "v", {1, 2, 3, 4}, 2);
    // As a network gives them out, (v - mean) / scale: {2, 2, 3, -8}, scaled errors 0.5, 0; 0, -3.
    std::vector<float> const output = {0.5F, 1, 1, -1.5F};
    Task task = task_of(head);
    EXPECT_DOUBLE_EQ(judge(all_of(task, data, output), task).loss, (0.25 + 9) / 4);
    task.heads[0].loss = RegressionLoss::huber;
    task.heads[0].delta = 1;
    EXPECT_DOUBLE_EQ(judge(all_of(task, data, output), task).loss, (0.125 + 2.5) / 4);
    HeadJudgement const h = judge(all_of(task, data, output), task).first();
    EXPECT_DOUBLE_EQ(h.figure("bias.y"), -6);
    EXPECT_EQ(h.groups.size(), 4U);
    task.heads[0].loss = RegressionLoss::quantile;
    task.heads[0].quantiles = {0.25F, 0.75F};
    std::vector<float> const quantiles = {-0.5F, 1, 1, 1, 1, 1, 0.5F, 2.5F};  // 0 3, 2 2; 3 3, 0 8
    // x: truth 1: e = -0.5 and +1; 3: 0, 0. y: truth 2: 0, 0; 4: -1 and +1.
    double const expected = (0.25 * 0.5 + 0.25 * 1 + 0.25 * 1 + 0.25 * 1) / 8;
    EXPECT_DOUBLE_EQ(judge(all_of(task, data, quantiles), task).loss, expected);
}

TEST(JudgeValues, finds_the_resolution_that_was_put_in)
{
    Head head = head_of(TaskKind::regression, "energy", {"energy"});
    head.unit = "GeV";
    Task const task = task_of(head);
    Draw draw(3);
    std::size_t const n = 100'000;
    std::vector<float> truth, predicted;
    for (std::size_t i = 0; i < n; ++i) {
        double const e = 10 + 290 * draw.uniform();
        truth.push_back(static_cast<float>(e));
        double const s = std::hypot(0.6 / std::sqrt(e), 0.05);
        predicted.push_back(static_cast<float>(e * (1.02 + s * draw.normal())));
    }
    Dataset data = dataset(n);
    add(data, "energy", truth);
    HeadJudgement const h = judge(all_of(task, data, predicted), task).first();
    ASSERT_EQ(h.groups.size(), 10U);
    for (Group const& g : h.groups) {
        EXPECT_NEAR(static_cast<double>(g.rows), 10'000.0, 1.0);
        double const e = g.figure("truth").value, s = std::hypot(0.6 / std::sqrt(e), 0.05);
        Figure const r = g.figure("response_resolution"), w = g.figure("response_half_width_68");
        if (&g != &h.groups[0]) {  // within the first the resolution varies: no normal
            EXPECT_NEAR((r.high - r.low) / 2, s / std::sqrt(2 * 10'000.0), 0.1 * s / 141);
            // 1 / density of a normal: the error of the half width is 1.17 times as large.
            EXPECT_NEAR((w.high - w.low) / 2, 1.17 * s / std::sqrt(2 * 10'000.0), 0.5 * s / 141);
            EXPECT_NEAR(r.value, s, 5 * (r.high - r.low) / 2 + 0.001);
            EXPECT_NEAR(w.value, s, 5 * (w.high - w.low) / 2 + 0.001);
        }
        EXPECT_NEAR(g.figure("response").value, 1.02, 5 * s / 100);
    }
    EXPECT_NEAR(h.figure("stochastic"), 0.6, 0.03);
    EXPECT_NEAR(h.figure("constant"), 0.05, 0.003);
    EXPECT_EQ(h.figure("fit_points"), 10);
}

TEST(JudgeValues, pulls_and_coverage_of_true_quantiles)
{
    Head head = head_of(TaskKind::regression, "x", {"x"});
    head.loss = RegressionLoss::quantile;
    head.quantiles = {0.16F, 0.5F, 0.84F};
    Task const task = task_of(head);
    Draw draw(4);
    std::size_t const n = 40'000;
    std::vector<float> truth, output;
    for (std::size_t i = 0; i < n; ++i) {
        double const mean = 10 * draw.normal(), s = 0.5 + draw.uniform();
        truth.push_back(static_cast<float>(mean + s * draw.normal()));
        for (float const q : head.quantiles)
            output.push_back(
                static_cast<float>(mean + s * normal_quantile(static_cast<double>(q))));
    }
    Dataset data = dataset(n);
    add(data, "x", truth);
    HeadJudgement const h = judge(all_of(task, data, output), task).first();
    EXPECT_NEAR(h.figure("pull_mean"), 0, 5 / std::sqrt(4e4));
    EXPECT_NEAR(h.figure("pull_width"), 1, 5 / std::sqrt(8e4));
    for (double const q : {0.16, 0.5, 0.84})
        EXPECT_NEAR(h.figure(fmt::format("coverage.q{:g}", q)), q,
                    5 * std::sqrt(q * (1 - q) / 4e4));
    EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-12);
}

TEST(JudgeValues, weights_are_repetitions)
{
    Task const task = task_of(head_of(TaskKind::regression, "x", {"x"}));
    Task weighted = task;
    weighted.weight = "w";
    Dataset one = dataset(4), many = dataset(8);
    add<float>(one, "x", {1, 2, 3, 4});
    add<float>(one, "w", {1, 2, 1, 4});
    add<float>(many, "x", {1, 2, 2, 3, 4, 4, 4, 4});
    HeadJudgement const a = judge(all_of(weighted, one, {1, 3, 3, 6}), weighted).first(),
                        b = judge(all_of(task, many, {1, 3, 3, 3, 6, 6, 6, 6}), task).first();
    for (std::string const name : {"bias", "resolution", "mae", "rmse", "response"})
        EXPECT_NEAR(a.figure(name), b.figure(name), 1e-12) << name;
}

TEST(Judge, a_million_and_a_half_events)
{
    Task const task = task_of(head_of(TaskKind::binary, "label", {"b", "s"}));
    std::size_t const n = 1'500'000;
    std::vector<float> z(n);
    std::vector<std::uint8_t> label(n);
    for (std::size_t i = 0; i < n; ++i) {
        z[i] = static_cast<float>(i * 2654435761U % 1000003U) / 1e5F - 5;
        label[i] = static_cast<std::uint8_t>(i % 2);
    }
    Dataset data = dataset(n);
    add(data, "label", label);
    Predictions const p = all_of(task, data, z);
    auto const start = std::chrono::steady_clock::now();
    Judgement const j = judge(p, task);
    double const seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    RecordProperty("seconds", fmt::format("{:.3f}", seconds));
    EXPECT_EQ(j.rows, 1'500'000);
    Context ctx = Context::cpu(1);
    auto const size = static_cast<std::int64_t>(n);
    QuickFigures const quick = quick_figures(ctx, tensor_ref(z.data(), {size}),
                                             tensor_ref(label.data(), {size}), z, label);
    EXPECT_EQ(quick.accuracy, j.first().figure("accuracy"));
    EXPECT_EQ(quick.auc, j.first().figure("auc"));
    EXPECT_TRUE(std::isnan(quick_figures(ctx, {}, {}, {}, {}).auc));
    EXPECT_LT(seconds, 20);  // quadratic would be hours
}
}  // namespace calofuse::test
