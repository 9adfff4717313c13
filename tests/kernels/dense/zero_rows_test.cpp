#include "kernels/dense/zero_rows.hpp"

#include "tests/support/backend_test.hpp"

namespace calofuse::test {
TEST(ZeroRows, clears_the_rows_that_exist_and_no_others)
{
    constexpr std::int64_t kCapacity = 37, kWidth = 19;
    for (std::int32_t const rows : {0, 1, 20, 37}) {
        Context ctx = make_context();
        std::vector<float> const before(kCapacity * kWidth, 7.0F);
        OnDevice<float> x(ctx, before, {kCapacity, kWidth});
        OnDevice<std::int32_t> row_ptr(ctx, {0, rows / 2, rows}, {3});
        zero_rows(ctx, {.row_ptr = row_ptr.ref(), .x = x.ref()});
        auto want = before;
        std::fill_n(want.begin(), rows * kWidth, 0.0F);
        EXPECT_EQ(x.fetch(), want) << rows;
    }
}

TEST(ZeroRows, nothing_to_do)
{
    Context ctx = make_context();
    OnDevice<float> none(ctx, {}, {0, 5});
    OnDevice<std::int32_t> row_ptr(ctx, {0}, {1});
    zero_rows(ctx, {.row_ptr = row_ptr.ref(), .x = none.ref()});
    EXPECT_TRUE(none.fetch().empty());
}

TEST(ZeroRows, refuses_bad_arguments)
{
    Context ctx = make_context();
    OnDevice<float> x(ctx, std::vector<float>(6), {3, 2}), flat(ctx, std::vector<float>(6), {6});
    OnDevice<std::int32_t> row_ptr(ctx, {0, 3}, {2}), empty(ctx, {}, {0});
    EXPECT_THROW(zero_rows(ctx, {.row_ptr = empty.ref(), .x = x.ref()}), Error);
    EXPECT_THROW(zero_rows(ctx, {.row_ptr = row_ptr.ref(), .x = flat.ref()}), Error);
    EXPECT_THROW(zero_rows(ctx, {.row_ptr = x.ref(), .x = x.ref()}), Error);
}
}  // namespace calofuse::test
