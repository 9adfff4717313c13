#include "kernels/dense/gather_rows.hpp"

#include "tests/support/backend_test.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
TEST(GatherRows, repeats_rows_and_adds_their_gradients)
{
    Context ctx = make_context();
    std::vector<std::int32_t> const index = {0, 0, 2, 1, 2, 0};
    auto const x = random_values(3 * 5, 1);
    auto const dy = random_values(6 * 5, 2);
    OnDevice<float> d_x(ctx, x, {3, 5}), d_y(ctx, std::vector<float>(30), {6, 5}),
        d_dy(ctx, dy, {6, 5});
    OnDevice<float> d_dx(ctx, std::vector<float>(15, 1.0F), {3, 5});
    OnDevice<std::int32_t> d_index(ctx, index, {6});
    gather_rows_forward(ctx, {.x = d_x.ref(), .index = d_index.ref(), .y = d_y.ref()});
    gather_rows_backward(ctx, {.dy = d_dy.ref(), .index = d_index.ref(), .dx = d_dx.ref()});

    std::vector<double> want_y(30), want_dx(15, 1.0);
    for (std::size_t r = 0; r < 6; ++r) {
        for (std::size_t c = 0; c < 5; ++c) {
            auto const from = static_cast<std::size_t>(index[r]) * 5 + c;
            want_y[r * 5 + c] = x[from];
            want_dx[from] += dy[r * 5 + c];
        }
    }
    expect_close(d_y.fetch(), want_y, 1e-30, 0);
    expect_close(d_dx.fetch(), want_dx, 1e-6, 0);
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

TEST(GatherRowsChecks, other_widths_are_refused)
{
    Context ctx = make_context(1);
    OnDevice<float> x(ctx, std::vector<float>(6), {3, 2}), y(ctx, std::vector<float>(6), {2, 3});
    OnDevice<std::int32_t> index(ctx, {0, 1}, {2});
    EXPECT_THROW(gather_rows_forward(ctx, {.x = x.ref(), .index = index.ref(), .y = y.ref()}),
                 Error);
}
}  // namespace calofuse::test
