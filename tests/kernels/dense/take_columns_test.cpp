#include "kernels/dense/take_columns.hpp"

#include "runtime/buffer.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
TEST(TakeColumns, copies_and_adds_back)
{
    for (std::int64_t const rows : {0, 1, 300})
        for (std::int64_t const first : {0, 2, 4}) {
            std::int64_t const wide = 5, narrow = first == 4 ? 1 : 3;
            Context ctx = make_context();
            auto const at = [](std::int64_t n, std::int64_t c, std::int64_t width) {
                return static_cast<std::size_t>(n * width + c);
            };
            auto const x = random_values(static_cast<std::size_t>(rows * wide), 1);
            auto const dy = random_values(static_cast<std::size_t>(rows * narrow), 2);
            std::vector<float> y(dy.size()), dx(x.size(), 0.5F);
            OnDevice<float> d_x(ctx, x, {rows, wide}), d_y(ctx, y, {rows, narrow});
            OnDevice<float> d_dy(ctx, dy, {rows, narrow}), d_dx(ctx, dx, {rows, wide});
            take_columns_forward(ctx, {.x = d_x.ref(), .first = first, .y = d_y.ref()});
            take_columns_backward(ctx, {.dy = d_dy.ref(), .first = first, .dx = d_dx.ref()});
            for (std::int64_t n = 0; n < rows; ++n)
                for (std::int64_t i = 0; i < narrow; ++i) {
                    y[at(n, i, narrow)] = x[at(n, first + i, wide)];
                    dx[at(n, first + i, wide)] += dy[at(n, i, narrow)];
                }
            EXPECT_EQ(d_y.fetch(), y);
            EXPECT_EQ(d_dx.fetch(), dx);
        }
}

TEST(TakeColumns, refuses_bad_arguments)
{
    Context ctx = make_context();
    Buffer<float> a(ctx, 12);
    TakeColumnsArgs const good{.x = a.ref({3, 4}), .first = 2, .y = a.ref({3, 2})};
    EXPECT_NO_THROW(
        take_columns_forward(ctx, {.x = a.ref({0, 4}), .first = 2, .y = a.ref({0, 2})}));
    auto const refused = [&](auto change) {
        TakeColumnsArgs bad = good;
        change(bad);
        EXPECT_THROW(take_columns_forward(ctx, bad), Error);
        EXPECT_THROW(take_columns_backward(ctx, {.dy = bad.y, .first = bad.first, .dx = bad.x}),
                     Error);
    };
    refused([&](auto& b) { b.first = 3; });
    refused([&](auto& b) { b.first = -1; });
    refused([&](auto& b) { b.y = a.ref({2, 2}); });
    refused([&](auto& b) { b.y = a.ref(); });
    refused([&](auto& b) { b.x = a.ref(); });
}
}  // namespace calofuse::test
