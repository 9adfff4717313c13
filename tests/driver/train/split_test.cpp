#include "driver/train/split.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "runtime/focalh/events.hpp"

namespace calofuse::test {
namespace {
Dataset toy_events(std::vector<std::pair<std::string, int>> const& files)
{
    FocalhColumns set;
    for (std::size_t f = 0; f < files.size(); ++f) {
        Label const label = f % 2 == 0 ? Label::hadron : Label::electron;
        FocalhFile& file = set.files.emplace_back();
        file.path = files[f].first;
        file.num_events = files[f].second;
        file.energy_gev = 100;
        file.label = label;
        for (int i = 0; i < files[f].second; ++i) {
            set.label.push_back(static_cast<std::uint8_t>(label));
            set.energy_gev.push_back(100);
            set.file_id.push_back(static_cast<std::uint16_t>(f));
            set.event_index.push_back(static_cast<std::uint32_t>(i));
        }
    }
    set.adc.resize(set.label.size() * kNumChannels);
    return make_focalh(set);
}

/// Electron or hadron.
Task task()
{
    Task out;
    out.heads.resize(1);
    out.heads[0].target = "label";
    out.heads[0].names = {"hadron", "electron"};
    return out;
}

/// (path, event) of rows: what an event is, whatever its place.
std::set<std::pair<std::string, std::uint32_t>> identities(Dataset const& set,
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
    Dataset const set = toy_events({{"h/a.npy", 1000}, {"e/b.npy", 500}, {"h/c.npy", 7}});
    Split const split = split_events(set, task(), {});
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
    Dataset const one = toy_events({{"h/a.npy", 300}, {"e/b.npy", 200}});
    Dataset const two = toy_events({{"e/b.npy", 200}, {"h/a.npy", 300}});
    EXPECT_EQ(identities(one, split_events(one, task(), {}).test),
              identities(two, split_events(two, task(), {}).test));
}

TEST(Split, is_not_by_position)
{
    Dataset const set = toy_events({{"h/a.npy", 1000}});
    Split const split = split_events(set, task(), {});
    auto const early =
        std::count_if(split.test.begin(), split.test.end(), [](auto row) { return row < 500; });
    EXPECT_GT(early, 60);
    EXPECT_LT(early, 140);
}

TEST(Split, test_part_stays_when_others_move)
{
    Dataset const set = toy_events({{"h/a.npy", 400}, {"e/b.npy", 400}});
    auto const reference = split_events(set, task(), {}).test;
    EXPECT_EQ(split_events(set, task(), {.train = 0.5, .valid = 0.3, .test = 0.2}).test, reference);
    Split const less = split_events(set, task(), {.fraction = 0.25});
    EXPECT_EQ(less.test, reference);
    EXPECT_EQ(less.train.size(), 140U);
    EXPECT_NE(split_events(set, task(), {.seed = 2}).test, reference);
}

TEST(Split, unlabelled_events_are_in_no_part)
{
    Dataset set = toy_events({{"h/a.npy", 100}});
    std::ranges::fill(set.columns.at("label").values<std::uint8_t>(), std::uint8_t{255});
    Split const split = split_events(set, task(), {});
    EXPECT_TRUE(split.train.empty() && split.valid.empty() && split.test.empty());
}

TEST(Split, bad_parts_are_refused)
{
    Dataset const set = toy_events({{"h/a.npy", 10}});
    EXPECT_THROW(split_events(set, task(), {.train = 0.9, .valid = 0.3, .test = 0.2}), Error);
    EXPECT_THROW(split_events(set, task(), {.train = 0.0, .valid = 0.5, .test = 0.5}), Error);
}
}  // namespace calofuse::test
