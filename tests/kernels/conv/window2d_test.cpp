#include "kernels/conv/window2d.hpp"

#include <gtest/gtest.h>

namespace calofuse::test {
namespace {
void expect_axis(WindowAxis const& axis,
                 std::int64_t cells,
                 std::int64_t before,
                 std::int64_t after,
                 std::int64_t outputs)
{
    EXPECT_EQ(axis.before, before);
    EXPECT_EQ(axis.after, after);
    EXPECT_EQ(axis.outputs(cells), outputs);
}
}  // namespace

TEST(Window2d, padding_rules_of_the_frameworks)
{
    expect_axis(valid_axis(3, 1), 5, 0, 0, 3);
    expect_axis(valid_axis(2, 2), 7, 0, 0, 3);
    expect_axis(valid_axis(8, 1), 7, 0, 0, 0);
    expect_axis(padded_axis(7, 2, 3), 15, 3, 3, 8);
    expect_axis(same_axis_keras(3, 1, 5), 5, 1, 1, 5);
    expect_axis(same_axis_keras(8, 1, 12), 12, 3, 4, 12);
    expect_axis(same_axis_keras(6, 1, 11), 11, 2, 3, 11);
    expect_axis(same_axis_keras(7, 2, 14), 14, 2, 3, 7);
    expect_axis(same_axis_keras(2, 2, 5), 5, 0, 1, 3);
    expect_axis(same_axis_keras(1, 3, 7), 7, 0, 0, 3);
    expect_axis(same_axis_torch(8), 12, 3, 4, 12);
}

TEST(Window2d, ceil_mode_adds_a_window_that_starts_inside)
{
    WindowAxis const odd = ceil_axis(valid_axis(3, 2), 10);
    EXPECT_EQ(odd.overhang, 1);
    EXPECT_EQ(odd.outputs(10), 5);
    EXPECT_EQ(odd.first(4), 0);
    EXPECT_EQ(odd.last(4, 10), 2);
    WindowAxis const even = ceil_axis(valid_axis(3, 2), 7);
    EXPECT_EQ(even.overhang, 0);
    EXPECT_EQ(even.outputs(7), 3);
    // The window that would start at cell 4 of 4 is dropped.
    WindowAxis const outside = ceil_axis(valid_axis(1, 4), 4);
    EXPECT_EQ(outside.outputs(4), 1);
}

TEST(Window2d, windows_stop_at_the_edge)
{
    WindowAxis const axis = padded_axis(5, 2, 2);
    EXPECT_EQ(axis.outputs(4), 2);
    EXPECT_EQ(axis.first(0), 2);
    EXPECT_EQ(axis.last(0, 4), 5);
    EXPECT_EQ(axis.first(1), 0);
    EXPECT_EQ(axis.last(1, 4), 4);
}

TEST(Window2d, refuses_bad_axes)
{
    EXPECT_NO_THROW(check_axis(padded_axis(3, 1, 2), "rows"));
    for (WindowAxis const& bad :
         {WindowAxis{0, 1, 0, 0, 0}, WindowAxis{3, 0, 0, 0, 0}, WindowAxis{3, 1, -1, 0, 0},
          WindowAxis{3, 1, 0, -1, 0}, WindowAxis{3, 1, 0, 0, -1}, WindowAxis{3, 1, 3, 0, 0}})
        EXPECT_THROW(check_axis(bad, "rows"), Error);
}
}  // namespace calofuse::test
