#include "runtime/focalh/channel_map.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace calofuse::test {
TEST(ChannelMap, unused_channels_are_the_published_seven)
{
    EXPECT_EQ(ChannelMap::focalh_prototype2().unused_channels(),
              (std::vector<std::int32_t>{39, 63, 126, 127, 190, 191, 255}));
}

TEST(ChannelMap, swapped_boards_leave_other_channels_empty)
{
    auto const map = ChannelMap::focalh_prototype2().with_board_order({1, 0, 2, 3});
    EXPECT_EQ(map.unused_channels(), (std::vector<std::int32_t>{62, 63, 103, 127, 190, 191, 255}));
}

TEST(ChannelMap, centre_and_corner)
{
    auto const map = ChannelMap::focalh_prototype2();
    Cell const& centre = map.cells[static_cast<std::size_t>(module_begin(4) + 3 * 7 + 3)];
    EXPECT_EQ(centre.channel, 0);
    EXPECT_NEAR(std::hypot(centre.x_cm, centre.y_cm), 0.0, 1e-12);
    EXPECT_EQ(map.cells.front().channel, 62);
    EXPECT_NEAR(map.cells.front().x_cm, -9.1, 1e-12);
    EXPECT_NEAR(map.cells.front().y_cm, 9.1, 1e-12);
    EXPECT_EQ(map.cells.back().channel, 254);
}

TEST(ChannelMap, adjacency_has_1776_directed_edges)
{
    auto const neighbours = adjacent_cells();
    std::size_t edges = 0;
    std::vector<int> degree_count(9);
    for (std::size_t i = 0; i < neighbours.size(); ++i) {
        edges += neighbours[i].size();
        ++degree_count[neighbours[i].size()];
        for (auto j : neighbours[i]) {
            auto const& back = neighbours[static_cast<std::size_t>(j)];
            EXPECT_TRUE(std::find(back.begin(), back.end(), static_cast<int>(i)) != back.end());
        }
    }
    EXPECT_EQ(edges, 1776U);
    EXPECT_EQ(degree_count, (std::vector<int>{0, 0, 0, 4, 0, 52, 8, 24, 161}));
}
}  // namespace calofuse::test
