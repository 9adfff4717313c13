#include "driver/judge/document.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "driver/judge/statistics.hpp"
#include "tests/driver/judge/judge_case.hpp"
#include "tests/support/synthetic_run.hpp"
#include "tests/support/temp_folder.hpp"

namespace calofuse::test {
namespace {
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
}  // namespace

TEST(ResolutionFit, exact_points_and_limits)
{
    std::vector<double> e = {10, 50, 100, 200}, s, d(4, 0.001);
    for (double const x : e)
        s.push_back(std::hypot(0.5 / std::sqrt(x), 0.03));
    ResolutionFit const fit = fit_resolution(e, s, d);
    EXPECT_NEAR(fit.a, 0.5, 1e-12);
    EXPECT_NEAR(fit.b, 0.03, 1e-12);
    EXPECT_NEAR(fit.chi2, 0, 1e-12);
    EXPECT_NEAR(fit(50), s[1], 1e-12);
    for (std::size_t i = 0; i < 4; ++i)
        s[i] = 0.5 / std::pow(e[i], 0.7);  // falls faster than 1 / sqrt(E): no constant term
    EXPECT_EQ(fit_resolution(e, s, d).b, 0);
    EXPECT_TRUE(std::isnan(
        fit_resolution(std::span(e).first(2), std::span(s).first(2), std::span(d).first(2)).a));
}

TEST(Document, binary_keys_are_those_of_the_contract)
{
    Task const task = task_of(head_of(TaskKind::binary, "label", {"hadron", "electron"}));
    Dataset data = dataset(3);
    add<std::uint8_t>(data, "label", {0, 1, 1});
    add<float>(data, "energy_gev", {20, 20, 60});
    auto const json = to_json(judge(all_of(task, data, {-1, 2, -3}), task), "hybrid", "test");
    std::vector<std::string> keys;
    for (auto const& [key, value] : json.items())
        keys.push_back(key);
    EXPECT_EQ(keys, (std::vector<std::string>{"model", "split", "events", "loss", "accuracy", "auc",
                                              "threshold", "confusion", "per_energy"}));
    EXPECT_EQ(json["confusion"].dump(),
              R"({"hadron":{"hadron":1,"electron":0},"electron":{"hadron":1,"electron":1}})");
    EXPECT_EQ(json["threshold"], 0.5);
    ASSERT_EQ(json["per_energy"].size(), 3U);
    EXPECT_EQ(json["per_energy"][2]["label"], "electron");
    EXPECT_EQ(json["per_energy"][2]["energy_gev"], 60);
    EXPECT_EQ(json["per_energy"][2]["events"], 1);
    EXPECT_EQ(json["per_energy"][2]["accuracy"], 0);
    EXPECT_NEAR(json["per_energy"][2]["mean_score"].get<double>(), sigmoid(-3), 1e-12);
}

TEST(Document, several_heads_and_no_numbers)
{
    Task task = task_of(head_of(TaskKind::classes, "label", {"a", "b", "c"}));
    task.heads.push_back(head_of(TaskKind::regression, "mass", {"mass"}));
    task.heads[1].weight = 0.5;
    Dataset data = dataset(2);
    add<std::uint8_t>(data, "label", {0, 2});
    add<float>(data, "mass", {1, 3});
    Predictions p = all_of(task, data, {0, 0, 0, 1.5F, 0, 0, 0, 3});
    EXPECT_EQ(p.output.spec.names,
              (std::vector<std::string>{"label.logit.a", "label.logit.b", "label.logit.c",
                                        "mass.predicted.mass"}));
    Judgement const j = judge(p, task);
    EXPECT_NEAR(j.loss, std::log(3.0) + 0.5 * 0.125, 1e-12);
    auto const json = to_json(j, "m", "all");
    EXPECT_EQ(json["label.macro_auc"], nullptr);  // class b has no event
    EXPECT_EQ(json["mass.bias"], 0.25);
    ASSERT_EQ(json["heads"].size(), 2U);
    EXPECT_EQ(json["heads"][0]["kind"], "classes");
    EXPECT_EQ(json["heads"][0]["confusion"]["c"]["a"], 1);
    EXPECT_EQ(json["heads"][1]["bins"].size(), 2U);
    EXPECT_EQ(json["heads"][1]["figures"]["mae"]["value"], 0.25);
    EXPECT_GT(to_lines(j, "m", "all").size(), 5U);
}

TEST(Predictions, survive_their_file)
{
    Task task = task_of(head_of(TaskKind::classes, "label", {"a", "b", "c"}));
    task.heads.push_back(head_of(TaskKind::regression, "v", {"x", "y"}));
    task.heads[1].loss = RegressionLoss::quantile;
    task.heads[1].quantiles = {0.16F, 0.5F, 0.84F};
    task.weight = "w";
    Dataset data = dataset(3);
    add<std::uint8_t>(data, "label", {0, 2, 255});
    add<float>(data, "v", {1, 2, 3, 4, 5, kNan}, 2);
    add<float>(data, "w", {1, 0.1F, 2});
    add<std::int32_t>(data, "energy_gev", {10, 20, 30});
    std::vector<float> output;
    Draw draw(5);
    for (int i = 0; i < 3 * task.width(); ++i)
        output.push_back(static_cast<float>(draw.normal()));
    std::vector<std::int32_t> const rows = {2, 0, 1};
    Predictions p = make_predictions(task, data, rows, output);
    add_probabilities(p, task);
    EXPECT_EQ(p.event_index[0], 102U);
    std::span<double const> const probability = p.find("label.probability")->values<double>();
    EXPECT_NEAR(probability[0] + probability[1] + probability[2], 1, 1e-15);
    TempFolder const folder;
    auto const before = to_json(judge(p, task), "m", "all");
    for (std::string const name : {"p.csv", "p.h5"}) {
        write_predictions(p, folder / name, Overwrite::no);
        Predictions const back = read_predictions(folder / name, task);
        EXPECT_EQ(back.output.bytes, p.output.bytes);
        EXPECT_EQ(to_json(judge(back, task), "m", "all"), before);
    }
}
}  // namespace calofuse::test
