#include "io/store/summary.hpp"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

namespace calofuse::test {
TEST(ColumnSummary, counts_numbers_zeros_and_what_is_none)
{
    std::vector<float> const values = {0, 1, NAN, -3, INFINITY, 0, 4, 2};
    ColumnSummary const s =
        summary_of(make_column<float>({.name = "x", .shape = {2}}, std::span(values)));
    EXPECT_EQ(s.rows, 4);
    EXPECT_EQ(s.not_a_number, 1);
    EXPECT_EQ(s.infinite, 1);
    EXPECT_EQ(s.zeros, 2);
    EXPECT_EQ(s.share_of_zeros(), 0.25);
    EXPECT_EQ(s.min, -3);
    EXPECT_EQ(s.max, 4);
    EXPECT_DOUBLE_EQ(s.mean, 4.0 / 6);
    ASSERT_EQ(s.histogram.size(), 20U);
    EXPECT_EQ(s.histogram.front(), 1);
    EXPECT_EQ(s.histogram.back(), 1);  // the largest belongs to the last bin
    EXPECT_EQ(std::accumulate(s.histogram.begin(), s.histogram.end(), 0), 6);
}

TEST(ColumnSummary, bins_of_whole_numbers_hold_equally_many)
{
    std::vector<std::uint16_t> values(41);
    std::iota(values.begin(), values.end(), std::uint16_t{0});
    ColumnSummary const s =
        summary_of(make_column<std::uint16_t>({.name = "adc"}, std::span(values)));
    EXPECT_EQ(s.step, 3);
    ASSERT_EQ(s.histogram.size(), 14U);
    EXPECT_EQ(s.histogram[0], 3);
    EXPECT_EQ(s.histogram[13], 2);
}

TEST(ColumnSummary, counts_classes_and_rows_without_one)
{
    std::vector<std::uint8_t> const label = {0, 1, 1, 255, 2};
    ColumnSummary const s = summary_of(
        make_column<std::uint8_t>({.name = "label", .names = {"a", "b"}}, std::span(label)));
    EXPECT_EQ(s.class_events, (std::vector<std::int64_t>{1, 2}));
    EXPECT_EQ(s.no_class, 2);
}

TEST(ColumnSummary, nothing_and_one_value)
{
    std::vector<float> const none, one = {2.5F};
    EXPECT_TRUE(summary_of(make_column<float>({.name = "x"}, std::span(none))).histogram.empty());
    EXPECT_EQ(summary_of(make_column<float>({.name = "x"}, std::span(one))).histogram,
              std::vector<std::int64_t>{1});
}

TEST(TableSummary, rows_per_event)
{
    TableSummary const t = summary_of_table("hits", {0, 2, 2, 5, 6});
    EXPECT_EQ(t.rows, 6);
    EXPECT_EQ(t.min, 0);
    EXPECT_EQ(t.median, 1);
    EXPECT_EQ(t.max, 3);
    EXPECT_EQ(t.without, 1);
    EXPECT_EQ(summary_of_table("hits", {0}).rows, 0);
}
}  // namespace calofuse::test
