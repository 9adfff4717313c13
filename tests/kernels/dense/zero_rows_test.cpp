#include "kernels/dense/zero_rows.hpp"

#include "tests/support/operator_case.hpp"

namespace calofuse::test {
TEST(ZeroRows, clears_the_rows_that_exist_and_no_others)
{
    constexpr std::size_t kCapacity = 37, kWidth = 19;
    for (std::int32_t const rows : {0, 1, 20, 37}) {
        SCOPED_TRACE(rows);
        OperatorCase{}
            .indices("row_ptr", {3}, {0, rows / 2, rows})
            .output("x", {kCapacity, kWidth}, 1e-30, 0)
            .free("row_ptr", 0)
            .free("x", 0)
            .free("x", 1)
            .forward([](Context& ctx, Tensors const& t) {
                zero_rows(ctx, {.row_ptr = t("row_ptr"), .x = t("x")});
            })
            .oracle([&](Doubles const&) {
                std::vector<double> x(kCapacity * kWidth, NAN);
                std::fill_n(x.begin(), static_cast<std::size_t>(rows) * kWidth, 0.0);
                return Doubles{{"x", x}};
            })
            .check();
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
