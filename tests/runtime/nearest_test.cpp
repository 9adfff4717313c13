#include "runtime/nearest.hpp"

#include <gtest/gtest.h>

namespace calofuse::test {
TEST(Nearest, distance_counts_single_edits)
{
    EXPECT_EQ(edit_distance("", ""), 0);
    EXPECT_EQ(edit_distance("", "abc"), 3);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
    EXPECT_EQ(edit_distance("epochs", "epohcs"), 1);
    EXPECT_EQ(edit_distance("abc", "abc"), 0);
}

TEST(Nearest, finds_typing_errors_only)
{
    std::vector<std::string> const known = {"train.epochs", "train.batch_size", "model.layers"};
    EXPECT_EQ(nearest("train.epoch", known), "train.epochs");
    EXPECT_EQ(nearest("trian.batchsize", known), "train.batch_size");
    EXPECT_EQ(nearest("something.else.altogether", known), "");
    EXPECT_EQ(nearest("", known), "");
    EXPECT_EQ(nearest("ab", {"xy"}), "");
    EXPECT_EQ(nearest(std::string(100'000, 'x'), known), "");
}

TEST(Nearest, first_of_equals)
{
    EXPECT_EQ(nearest("cat1", {"cat2", "cat3"}), "cat2");
}
}  // namespace calofuse::test
