#include "driver/train/schedule.hpp"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "runtime/error.hpp"
#include "tests/support/golden.hpp"

namespace calofuse::test {
namespace {
nlohmann::json golden_cases(std::string const& callback)
{
    std::ifstream in(golden_directory() / "callbacks.json");
    EXPECT_TRUE(in.good()) << golden_directory() << " has no callbacks.json";
    nlohmann::json chosen = nlohmann::json::array();
    auto const file = nlohmann::json::parse(in);
    for (auto const& c : file.at("cases"))
        if (c.at("callback") == callback) chosen.push_back(c);
    return chosen;
}

Goal goal_of(nlohmann::json const& c)
{
    return c.at("mode") == "min" ? Goal::lower : Goal::higher;
}
std::string label_of(nlohmann::json const& c)
{
    return c.at("values_name").get<std::string>() + " " + c.at("config").dump();
}
}  // namespace

TEST(ReduceOnPlateau, decides_as_keras_in_every_scripted_case)
{
    auto const cases = golden_cases("reduce_lr_on_plateau");
    EXPECT_EQ(cases.size(), 25U);
    for (auto const& c : cases) {
        auto const& config = c.at("config");
        ReduceOnPlateau schedule({.goal = goal_of(c),
                                  .factor = config.at("factor").get<double>(),
                                  .patience = config.at("patience").get<std::int64_t>(),
                                  .min_delta = config.at("min_delta").get<double>(),
                                  .cooldown = config.at("cooldown").get<std::int64_t>(),
                                  .min_rate = config.at("min_lr").get<double>()},
                                 c.at("initial_lr").get<double>());
        auto const values = c.at("values").get<std::vector<double>>();
        auto const rates = c.at("lr_after_epoch").get<std::vector<double>>();
        for (std::size_t epoch = 0; epoch < values.size(); ++epoch) {
            schedule.update(values[epoch]);
            EXPECT_NEAR(schedule.learning_rate(), rates[epoch], 1e-12 * rates[epoch])
                << label_of(c) << " epoch " << epoch;
        }
    }
}

TEST(EarlyStopping, decides_as_keras_in_every_scripted_case)
{
    auto const cases = golden_cases("early_stopping");
    EXPECT_EQ(cases.size(), 30U);
    for (auto const& c : cases) {
        auto const& config = c.at("config");
        EarlyStoppingConfig wanted{.goal = goal_of(c),
                                   .patience = config.at("patience").get<std::int64_t>(),
                                   .min_delta = config.at("min_delta").get<double>(),
                                   .baseline = std::nullopt,
                                   .start_from_epoch = config.value("start_from_epoch", 0)};
        if (config.contains("baseline")) wanted.baseline = config.at("baseline").get<double>();
        EarlyStopping schedule(wanted);
        nlohmann::json stopped;  // null
        std::int64_t epoch = 0;
        std::int64_t kept = -1;
        for (double const value : c.at("values").get<std::vector<double>>()) {
            auto const decision = schedule.update(value);
            if (decision.keep) kept = epoch;
            if (decision.stop) {
                stopped = epoch;
                break;
            }
            ++epoch;
        }
        EXPECT_EQ(stopped, c.at("stopped_epoch")) << label_of(c);
        EXPECT_EQ(schedule.best_epoch(), c.at("best_epoch").get<std::int64_t>()) << label_of(c);
        if (!c.at("restored_epoch").is_null()) {
            EXPECT_EQ(kept, c.at("restored_epoch").get<std::int64_t>()) << label_of(c);
        }
        EXPECT_NEAR(schedule.best(), c.at("best").get<double>(), 1e-12) << label_of(c);
    }
}

TEST(ReduceOnPlateau, a_restored_state_goes_on_as_if_nothing_had_happened)
{
    PlateauConfig const config{.factor = 0.5, .patience = 2, .min_delta = 0, .cooldown = 2};
    std::vector<double> const values{5, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3};
    for (std::size_t stop = 0; stop < values.size(); ++stop) {
        ReduceOnPlateau whole(config, 1), first(config, 1), second(config, 7);
        for (std::size_t e = 0; e < values.size(); ++e) {
            if (e == stop) second.restore(first.state());
            whole.update(values[e]);
            (e < stop ? first : second).update(values[e]);
        }
        EXPECT_EQ(whole.learning_rate(), second.learning_rate()) << stop;
        EXPECT_LT(whole.learning_rate(), 0.5);
    }
}

TEST(EarlyStopping, nan_is_never_better_and_never_stops_at_epoch_zero)
{
    EarlyStopping schedule({.goal = Goal::higher, .patience = 0});
    auto const first = schedule.update(std::nan(""));
    EXPECT_TRUE(first.keep);  // something to fall back to
    EXPECT_FALSE(first.stop);
    EXPECT_TRUE(schedule.update(std::nan("")).stop);
    EXPECT_EQ(schedule.best(), worst_value(Goal::higher));
}

TEST(Schedules, wrong_settings_throw)
{
    EXPECT_THROW(ReduceOnPlateau({.factor = 1.0}, 1), Error);
    EXPECT_THROW(ReduceOnPlateau({.factor = 0.5, .patience = -1}, 1), Error);
    EXPECT_THROW(EarlyStopping({.patience = -1}), Error);
}
}  // namespace calofuse::test
