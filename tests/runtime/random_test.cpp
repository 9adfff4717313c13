#include "runtime/random.hpp"

#include <gtest/gtest.h>

namespace calofuse::test {
/// Known answers of Random123's philox4x32-10.
TEST(Philox, known_answers)
{
    auto const a = philox({{0, 0, 0, 0}}, 0, 0);
    EXPECT_EQ(a.w[0], 0x6627e8d5U);
    EXPECT_EQ(a.w[1], 0xe169c58dU);
    EXPECT_EQ(a.w[2], 0xbc57ac4cU);
    EXPECT_EQ(a.w[3], 0x9b00dbd8U);
    auto const b =
        philox({{0xffffffffU, 0xffffffffU, 0xffffffffU, 0xffffffffU}}, 0xffffffffU, 0xffffffffU);
    EXPECT_EQ(b.w[0], 0x408f276dU);
    EXPECT_EQ(b.w[1], 0x41c83b0eU);
    EXPECT_EQ(b.w[2], 0xa20bc7c6U);
    EXPECT_EQ(b.w[3], 0x6d5451fdU);
    auto const c =
        philox({{0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U}}, 0xa4093822U, 0x299f31d0U);
    EXPECT_EQ(c.w[0], 0xd16cfe09U);
    EXPECT_EQ(c.w[1], 0x94fdccebU);
    EXPECT_EQ(c.w[2], 0x5001e420U);
    EXPECT_EQ(c.w[3], 0x24126ea1U);
}

TEST(Philox, uniforms_stay_in_range)
{
    EXPECT_EQ(uniform01(0U), 0.0F);
    EXPECT_LT(uniform01(0xffffffffU), 1.0F);
    EXPECT_GT(uniform01(0U, 0U), 0.0);
    EXPECT_LT(uniform01(0xffffffffU, 0xffffffffU), 1.0);
}
}  // namespace calofuse::test
