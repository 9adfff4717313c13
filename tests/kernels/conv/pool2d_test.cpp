#include "kernels/conv/pool2d.hpp"

#include <limits>
#include <numeric>

#include "runtime/buffer.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr double kEps = std::numeric_limits<float>::epsilon();
using Doubles = std::vector<double>;

struct Case {
    char const* name;
    std::int64_t events, height, width, channels;
    Window2d window;
};
void PrintTo(Case const& c, std::ostream* os)
{
    *os << c.name;
}

/// The definition, in double: looks at every position of the window, padding included.
Doubles oracle(Case const& c, PoolKind kind, Doubles const& x)
{
    WindowAxis const &h = c.window.h, &v = c.window.w;
    Doubles y;
    for (std::int64_t b = 0; b < c.events; ++b)
        for (std::int64_t p = 0; p < h.outputs(c.height); ++p)
            for (std::int64_t q = 0; q < v.outputs(c.width); ++q)
                for (std::int64_t ch = 0; ch < c.channels; ++ch) {
                    double best = -1e300, sum = 0;
                    int inside = 0, counted = 0;
                    for (std::int64_t k = 0; k < h.kernel; ++k)
                        for (std::int64_t l = 0; l < v.kernel; ++l) {
                            std::int64_t const row = p * h.stride - h.before + k;
                            std::int64_t const col = q * v.stride - v.before + l;
                            if (row >= c.height + h.after || col >= c.width + v.after) continue;
                            ++counted;
                            if (row < 0 || row >= c.height || col < 0 || col >= c.width) continue;
                            ++inside;
                            double const value = x[static_cast<std::size_t>(
                                ((b * c.height + row) * c.width + col) * c.channels + ch)];
                            best = std::max(best, value);
                            sum += value;
                        }
                    y.push_back(kind == PoolKind::max       ? best
                                : kind == PoolKind::average ? sum / inside
                                                            : sum / counted);
                }
    return y;
}

struct Results {
    std::vector<float> y, dx;
};
Results run(Context& ctx,
            Case const& c,
            PoolKind kind,
            std::vector<float> const& x,
            std::vector<float> const& dy,
            float start = 0)
{
    std::vector<std::int64_t> const xs{c.events, c.height, c.width, c.channels};
    std::vector<std::int64_t> const ys{c.events, c.window.h.outputs(c.height),
                                       c.window.w.outputs(c.width), c.channels};
    OnDevice<float> in(ctx, x, xs), out(ctx, std::vector<float>(dy.size()), ys), g(ctx, dy, ys);
    OnDevice<float> dx(ctx, std::vector<float>(x.size(), start), xs);
    pool2d_forward(ctx, {.x = in.ref(), .window = c.window, .kind = kind, .y = out.ref()});
    pool2d_backward(
        ctx, {.x = in.ref(), .dy = g.ref(), .window = c.window, .kind = kind, .dx = dx.ref()});
    return {out.fetch(), dx.fetch()};
}

std::size_t size_of_x(Case const& c)
{
    return static_cast<std::size_t>(c.events * c.height * c.width * c.channels);
}
std::size_t size_of_y(Case const& c)
{
    return static_cast<std::size_t>(c.events * c.window.h.outputs(c.height)
                                    * c.window.w.outputs(c.width) * c.channels);
}
class Pool2d : public testing::TestWithParam<Case> {};
}  // namespace

TEST_P(Pool2d, agrees_with_oracle_and_its_finite_differences)
{
    Case const& c = GetParam();
    for (PoolKind const kind : {PoolKind::max, PoolKind::average, PoolKind::average_counted}) {
        auto const x = random_values(size_of_x(c), 11), dy = random_values(size_of_y(c), 12);
        Doubles const wide(x.begin(), x.end());
        Context ctx = make_context();
        Results const got = run(ctx, c, kind, x, dy, 0.5F);
        expect_close(got.y, oracle(c, kind, wide), 16 * kEps, 4 * kEps);
        auto gradient = numeric_gradient(
            [&](Doubles const& v) {
                auto const y = oracle(c, kind, v);
                return std::inner_product(y.begin(), y.end(), dy.begin(), 0.0);
            },
            wide, 1e-7);  // small: no other cell may take over a maximum
        for (double& g : gradient)
            g += 0.5;
        expect_close(got.dx, gradient, 1e-5, 1e-5);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes,
    Pool2d,
    testing::Values(
        Case{"no_events", 0, 4, 4, 3, {valid_axis(2, 2), valid_axis(2, 2)}},
        Case{"floor", 2, 5, 7, 3, {valid_axis(2, 2), valid_axis(2, 2)}},
        Case{"same_overlapping", 2, 5, 3, 2, {same_axis_keras(3, 1, 5), same_axis_keras(3, 1, 3)}},
        Case{"same_strided", 1, 5, 4, 2, {same_axis_keras(2, 2, 5), same_axis_keras(3, 2, 4)}},
        Case{"padded", 1, 6, 5, 2, {padded_axis(3, 2, 1), padded_axis(3, 1, 1)}},
        Case{"ceil", 1, 6, 5, 2, {ceil_axis(valid_axis(3, 2), 6), ceil_axis(valid_axis(2, 3), 5)}},
        Case{"ceil_padded",
             1,
             6,
             6,
             1,
             {ceil_axis(padded_axis(3, 2, 1), 6), ceil_axis(padded_axis(4, 3, 1), 6)}},
        Case{"global", 3, 4, 5, 3, {valid_axis(4, 1), valid_axis(5, 1)}},
        Case{"channels_63", 1, 2, 3, 63, {valid_axis(2, 1), valid_axis(2, 1)}},
        Case{"channels_64", 1, 2, 3, 64, {valid_axis(2, 1), valid_axis(2, 1)}},
        Case{"channels_65", 1, 2, 3, 65, {valid_axis(2, 1), valid_axis(2, 1)}}),
    [](testing::TestParamInfo<Case> const& c) { return c.param.name; });

TEST(Pool2dRules, the_first_of_equal_maxima_takes_the_gradient)
{
    Case const c{"", 1, 2, 4, 1, {valid_axis(2, 2), valid_axis(2, 2)}};
    Context ctx = make_context();
    Results const got = run(ctx, c, PoolKind::max, {1, 1, 0, 2, 1, 1, 2, 2}, {5, 7});
    EXPECT_EQ(got.y, (std::vector<float>{1, 2}));
    EXPECT_EQ(got.dx, (std::vector<float>{5, 0, 0, 7, 0, 0, 0, 0}));
}

TEST(Pool2dRules, minus_infinity_and_nan)
{
    Case const c{"", 1, 1, 3, 1, {valid_axis(1, 1), valid_axis(3, 1)}};
    Context ctx = make_context();
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    Results const low = run(ctx, c, PoolKind::max, {-kInfinity, -kInfinity, -kInfinity}, {1});
    EXPECT_EQ(low.y[0], -kInfinity);
    EXPECT_EQ(low.dx, (std::vector<float>{1, 0, 0}));
    Results const nan = run(ctx, c, PoolKind::max, {1, std::nanf(""), 2}, {1});
    EXPECT_TRUE(std::isnan(nan.y[0]));
    EXPECT_EQ(nan.dx, (std::vector<float>{0, 1, 0}));
}

TEST(Pool2dRules, same_bits_for_any_number_of_threads)
{
    Case const c{"", 50, 7, 7, 20, {same_axis_keras(3, 1, 7), same_axis_keras(3, 1, 7)}};
    auto const x = random_values(size_of_x(c), 1), dy = random_values(size_of_y(c), 2);
    for (PoolKind const kind : {PoolKind::max, PoolKind::average})
        expect_same_for_any_threads([&](Context& ctx) {
            Results r = run(ctx, c, kind, x, dy);
            r.y.insert(r.y.end(), r.dx.begin(), r.dx.end());
            return r.y;
        });
}

TEST(Pool2dRules, refuses_bad_arguments)
{
    Context ctx = make_context();
    Buffer<float> a(ctx, 1000), out(ctx, 1000), gradient(ctx, 1000);
    Pool2dArgs const good{.x = a.ref({2, 4, 6, 3}),
                          .window = {valid_axis(2, 2), valid_axis(2, 2)},
                          .y = out.ref({2, 2, 3, 3})};
    EXPECT_NO_THROW(pool2d_forward(ctx, good));
    auto const refused = [&](auto change) {
        Pool2dArgs bad = good;
        change(bad);
        EXPECT_THROW(pool2d_forward(ctx, bad), Error);
    };
    refused([&](auto& b) { b.x = a.ref({8, 6, 3}); });
    refused([&](auto& b) { b.y = a.ref({2, 2, 3, 2}); });
    refused([&](auto& b) { b.window.h.stride = 0; });
    refused([&](auto& b) {  // the last window would hold padding only
        b.window.h = {2, 2, 0, 3, 0};
        b.y = a.ref({2, 3, 3, 3});
    });
    refused([&](auto& b) {
        b.window.w = {2, 2, 0, 3, 0};
        b.y = a.ref({2, 2, 4, 3});
    });
    Pool2dGradArgs const good_grad{
        .x = good.x, .dy = good.y, .window = good.window, .dx = gradient.ref({2, 4, 6, 3})};
    EXPECT_NO_THROW(pool2d_backward(ctx, good_grad));
    Pool2dGradArgs bad = good_grad;
    bad.dx = a.ref({2, 6, 4, 3});
    EXPECT_THROW(pool2d_backward(ctx, bad), Error);
    bad = good_grad;
    bad.dy = a.ref({2, 3, 2, 3});
    EXPECT_THROW(pool2d_backward(ctx, bad), Error);
}
}  // namespace calofuse::test
