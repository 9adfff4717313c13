#include "kernels/dense/gather_rows.hpp"

#include "tests/support/operator_case.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
TEST(GatherRows, keeps_the_promises_of_an_operator)
{
    std::vector<std::int32_t> const index = {0, 0, 2, 1, 2, 0};
    OperatorCase{}
        .input("x", {3, 5}, random_values(15, 1))
        .indices("index", {6}, index)
        .output("y", {6, 5}, 1e-30, 0)
        .gradient("x", 1e-6, 0)
        .free("x", 0)
        .free("dx", 0)
        .forward([](Context& ctx, Tensors const& t) {
            gather_rows_forward(ctx, {.x = t("x"), .index = t("index"), .y = t("y")});
        })
        .backward([](Context& ctx, Tensors const& t) {
            gather_rows_backward(ctx, {.dy = t("dy"), .index = t("index"), .dx = t("dx")});
        })
        .oracle([&](Doubles const& v) {
            std::vector<double> y;
            for (std::int32_t const row : index)
                for (std::size_t c = 0; c < 5; ++c)
                    y.push_back(v.at("x")[static_cast<std::size_t>(row) * 5 + c]);
            return Doubles{{"y", y}};
        })
        .check();
}

TEST(GatherRows, same_bits_as_on_the_cpu)
{
    constexpr std::int64_t kTable = 4, kRows = 23, kWidth = 259;  // no row is taken from row 3
    auto const x = random_values(kTable * kWidth, 3), dy = random_values(kRows * kWidth, 4);
    std::vector<std::int32_t> index;
    for (std::int32_t r = 0; r < kRows; ++r)
        index.push_back(r * r % 3);
    auto const run = [&](Context ctx) {
        OnDevice<float> table(ctx, x, {kTable, kWidth}), rows(ctx, dy, {kRows, kWidth});
        OnDevice<std::int32_t> from(ctx, index, {kRows});
        OnDevice<float> y(ctx, std::vector<float>(dy.size(), 9), {kRows, kWidth});
        gather_rows_forward(ctx, {.x = table.ref(), .index = from.ref(), .y = y.ref()});
        gather_rows_backward(ctx, {.dy = rows.ref(), .index = from.ref(), .dx = table.ref()});
        auto out = y.fetch();
        for (float const v : table.fetch())
            out.push_back(v);
        return out;
    };
    EXPECT_TRUE(same_bits(run(make_context()), run(Context::cpu())));
}
}  // namespace calofuse::test
