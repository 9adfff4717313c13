#include "driver/train/split.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "driver/train/scaling.hpp"

namespace calofuse::test {
namespace {
EventSet toy_events(std::vector<std::pair<std::string, int>> const& files)
{
    EventSet set;
    for (std::size_t f = 0; f < files.size(); ++f) {
        Label const label = f % 2 == 0 ? Label::hadron : Label::electron;
        set.files.push_back({files[f].first, "", files[f].second, 100, label});
        for (int i = 0; i < files[f].second; ++i) {
            set.label.push_back(static_cast<std::uint8_t>(label));
            set.energy_gev.push_back(100);
            set.file_id.push_back(static_cast<std::uint16_t>(f));
            set.event_index.push_back(static_cast<std::uint32_t>(i));
        }
    }
    set.adc.resize(set.label.size() * kNumChannels);
    return set;
}

/// (path, event) of rows: what an event is, whatever its place.
std::set<std::pair<std::string, std::uint32_t>> identities(EventSet const& set,
                                                           std::vector<std::int32_t> const& rows)
{
    std::set<std::pair<std::string, std::uint32_t>> out;
    for (auto const row : rows) {
        auto const r = static_cast<std::size_t>(row);
        out.insert({set.files[set.file_id[r]].path, set.event_index[r]});
    }
    return out;
}
}  // namespace

TEST(Split, parts_are_disjoint_complete_and_stratified)
{
    EventSet const set = toy_events({{"h/a.npy", 1000}, {"e/b.npy", 500}, {"h/c.npy", 7}});
    Split const split = split_events(set, {});
    EXPECT_EQ(split.train.size() + split.valid.size() + split.test.size(), 1507U);
    std::set<std::int32_t> all(split.train.begin(), split.train.end());
    all.insert(split.valid.begin(), split.valid.end());
    all.insert(split.test.begin(), split.test.end());
    EXPECT_EQ(all.size(), 1507U);
    std::map<int, int> test_per_file;
    for (auto const row : split.test)
        ++test_per_file[set.file_id[static_cast<std::size_t>(row)]];
    EXPECT_EQ(test_per_file[0], 200);
    EXPECT_EQ(test_per_file[1], 100);
    EXPECT_EQ(test_per_file[2], 1);
}

TEST(Split, does_not_depend_on_the_order_of_files)
{
    EventSet const one = toy_events({{"h/a.npy", 300}, {"e/b.npy", 200}});
    EventSet const two = toy_events({{"e/b.npy", 200}, {"h/a.npy", 300}});
    EXPECT_EQ(identities(one, split_events(one, {}).test),
              identities(two, split_events(two, {}).test));
}

TEST(Split, is_not_by_position)
{
    EventSet const set = toy_events({{"h/a.npy", 1000}});
    Split const split = split_events(set, {});
    auto const early =
        std::count_if(split.test.begin(), split.test.end(), [](auto row) { return row < 500; });
    EXPECT_GT(early, 60);
    EXPECT_LT(early, 140);
}

TEST(Split, test_part_stays_when_others_move)
{
    EventSet const set = toy_events({{"h/a.npy", 400}, {"e/b.npy", 400}});
    auto const reference = split_events(set, {}).test;
    EXPECT_EQ(split_events(set, {.train = 0.5, .valid = 0.3, .test = 0.2}).test, reference);
    Split const less = split_events(set, {.fraction = 0.25});
    EXPECT_EQ(less.test, reference);
    EXPECT_EQ(less.train.size(), 140U);
    EXPECT_NE(split_events(set, {.seed = 2}).test, reference);
}

TEST(Split, unlabelled_events_are_in_no_part)
{
    EventSet set = toy_events({{"h/a.npy", 100}});
    set.label.assign(set.label.size(), 255);
    Split const split = split_events(set, {});
    EXPECT_TRUE(split.train.empty() && split.valid.empty() && split.test.empty());
}

TEST(Split, bad_parts_are_refused)
{
    EventSet const set = toy_events({{"h/a.npy", 10}});
    EXPECT_THROW(split_events(set, {.train = 0.9, .valid = 0.3, .test = 0.2}), Error);
    EXPECT_THROW(split_events(set, {.train = 0.0, .valid = 0.5, .test = 0.5}), Error);
}

TEST(Scaling, is_fitted_on_the_given_rows_only)
{
    EventSet set = toy_events({{"h/a.npy", 10}});
    for (std::size_t i = 0; i < 10; ++i)
        for (std::size_t c = 0; c < kNumChannels; ++c)
            set.adc[i * kNumChannels + c] = static_cast<std::uint16_t>(i < 5 ? 20 + i : 2);
    std::vector<std::int32_t> const rows = {0, 1, 2, 3, 4};
    InputScaling const s = fit_scaling(set, rows, InputScale::asinh, 20.0F, {});
    EXPECT_EQ(s.pedestals[0], 22.0F);
    EXPECT_NEAR(s.energy_mean, 0, 1e-9);
    EXPECT_NEAR(s.energy_std, std::sqrt(2.0) * kNumCells, 1e-9);
    set.pedestals.assign(kNumChannels, 3.0F);
    EXPECT_EQ(fit_scaling(set, rows, InputScale::raw, 20.0F, {}).pedestals[7], 3.0F);
    EXPECT_EQ(
        fit_scaling(set, rows, InputScale::raw, 20.0F, std::vector<float>(256, 9.0F)).pedestals[7],
        9.0F);
}
}  // namespace calofuse::test
