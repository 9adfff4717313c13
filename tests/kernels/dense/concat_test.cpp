#include "kernels/dense/concat.hpp"

#include "runtime/buffer.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
struct Sizes {
    std::int64_t rows, a, b;
};
struct Results {
    std::vector<float> y, da, db;
};
std::vector<float> values(std::int64_t rows, std::int64_t columns, std::uint32_t seed)
{
    return random_values(static_cast<std::size_t>(rows * columns), seed);
}

Results run(Context& ctx, Sizes const& s)
{
    OnDevice<float> a(ctx, values(s.rows, s.a, 1), {s.rows, s.a});
    OnDevice<float> b(ctx, values(s.rows, s.b, 2), {s.rows, s.b});
    OnDevice<float> dy(ctx, values(s.rows, s.a + s.b, 3), {s.rows, s.a + s.b});
    OnDevice<float> y(ctx, values(s.rows, s.a + s.b, 4), {s.rows, s.a + s.b});
    OnDevice<float> da(ctx, std::vector<float>(a.fetch().size(), 0.5F), {s.rows, s.a});
    OnDevice<float> db(ctx, std::vector<float>(b.fetch().size(), 0.5F), {s.rows, s.b});
    concat_forward(ctx, {.a = a.ref(), .b = b.ref(), .y = y.ref()});
    concat_backward(ctx, {.dy = dy.ref(), .da = da.ref(), .db = db.ref()});
    return {y.fetch(), da.fetch(), db.fetch()};
}
}  // namespace

TEST(Concat, puts_columns_side_by_side_and_adds_their_gradients)
{
    for (Sizes const& s : {Sizes{0, 2, 3}, Sizes{1, 1, 1}, Sizes{37, 5, 1}, Sizes{17, 1, 300},
                           Sizes{4, 0, 3}, Sizes{4, 3, 0}}) {
        Context ctx = make_context();
        Results const got = run(ctx, s);
        auto const a = values(s.rows, s.a, 1), b = values(s.rows, s.b, 2);
        auto const dy = values(s.rows, s.a + s.b, 3);
        Results want{{}, {}, {}};
        for (std::int64_t n = 0; n < s.rows; ++n)
            for (std::int64_t c = 0; c < s.a + s.b; ++c) {
                auto const i = static_cast<std::size_t>(n * (s.a + s.b) + c);
                bool const first = c < s.a;
                auto const j = static_cast<std::size_t>(first ? n * s.a + c : n * s.b + c - s.a);
                want.y.push_back(first ? a[j] : b[j]);
                (first ? want.da : want.db).push_back(0.5F + dy[i]);
            }
        EXPECT_EQ(got.y, want.y);
        EXPECT_EQ(got.da, want.da);
        EXPECT_EQ(got.db, want.db);
    }
}

TEST(Concat, same_bits_for_any_number_of_threads)
{
    expect_same_for_any_threads([&](Context& ctx) { return run(ctx, {100, 7, 9}).y; });
}

TEST(Concat, refuses_bad_arguments)
{
    Context ctx = make_context();
    Buffer<float> m(ctx, 100), out(ctx, 100);
    ConcatArgs const good{.a = m.ref({2, 3}), .b = m.ref({2, 4}), .y = out.ref({2, 7})};
    ConcatGradArgs const good_grad{.dy = m.ref({2, 7}), .da = out.ref({2, 3}), .db = {}};
    EXPECT_NO_THROW(concat_forward(ctx, good));
    EXPECT_NO_THROW(concat_backward(ctx, good_grad));
    auto const refused = [&](auto change) {
        ConcatArgs bad = good;
        change(bad);
        EXPECT_THROW(concat_forward(ctx, bad), Error);
    };
    refused([&](auto& x) { x.a = m.ref({3, 3}); });
    refused([&](auto& x) { x.b = m.ref({8}); });
    refused([&](auto& x) { x.y = m.ref({2, 6}); });
    auto const refused_grad = [&](auto change) {
        ConcatGradArgs bad = good_grad;
        change(bad);
        EXPECT_THROW(concat_backward(ctx, bad), Error);
    };
    refused_grad([&](auto& x) { x.dy = m.ref({7}); });
    refused_grad([&](auto& x) { x.da = m.ref({1, 3}); });
    refused_grad([&](auto& x) { x.da = m.ref({2, 8}); });
    refused_grad([&](auto& x) { x.db = m.ref({2, 3}); });
}
}  // namespace calofuse::test
