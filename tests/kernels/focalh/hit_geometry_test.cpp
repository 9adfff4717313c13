#include <cmath>

#include <gtest/gtest.h>

#include "kernels/focalh/hits.hpp"
#include "kernels/focalh/hits/geometry.hpp"

namespace calofuse {
TEST(HitGeometry, places_are_those_of_the_channel_map)
{
    auto const map = ChannelMap::focalh_prototype2();
    for (int k = 0; k < kNumCells; ++k) {
        Cell const& want = map.cells[static_cast<std::size_t>(k)];
        CellPlace const got = cell_place(k);
        EXPECT_EQ(got.module, want.module) << k;
        EXPECT_EQ(got.row, want.row) << k;
        EXPECT_EQ(got.col, want.col) << k;
        EXPECT_NEAR(got.x * kMillimetresPerPositionUnit, 10 * want.x_cm, 1e-9) << k;
        EXPECT_NEAR(got.y * kMillimetresPerPositionUnit, 10 * want.y_cm, 1e-9) << k;
        EXPECT_EQ(got.pitch * module_side(got.module), 35) << k;
    }
}

TEST(HitGeometry, the_table_of_touching_cells_is_that_of_the_channel_map)
{
    static constexpr TouchTable kTable = make_touch_table();
    auto const adjacent = adjacent_cells();
    for (std::size_t k = 0; k < kNumCells; ++k) {
        std::vector<std::int32_t> touching;
        for (std::int32_t j = 0; j < kNumCells; ++j)
            if ((kTable.of[k][j / 64] >> (j % 64) & 1U) != 0) touching.push_back(j);
        EXPECT_EQ(touching, adjacent[k]) << k;
    }
}

TEST(HitGeometry, boards_grow_by_corners_and_stop_at_borders)
{
    std::uint64_t const corner = 1;
    EXPECT_EQ(dilated(kOuterBoard, corner), 0b00011'00011U);
    std::uint64_t const end_of_row = std::uint64_t{1} << 4;
    EXPECT_EQ(dilated(kOuterBoard, end_of_row), 0b11000'11000U);
    std::uint64_t const diagonal = 1U | 1U << 6 | 1U << 12 | 1U << 24;  // the last one apart
    EXPECT_EQ(first_component(kOuterBoard, diagonal), 1U | 1U << 6 | 1U << 12);
}
}  // namespace calofuse
