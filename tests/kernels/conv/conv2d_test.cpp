#include <limits>
#include <numeric>

#include "runtime/buffer.hpp"
#include "tests/kernels/conv/conv2d_case.hpp"
#include "tests/support/gradcheck.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr double kEps = std::numeric_limits<float>::epsilon();
using Doubles = std::vector<double>;

/// The definition, in double.
Doubles oracle(Case const& c, Doubles const& x, Doubles const& w, Doubles const& bias)
{
    WindowAxis const &h = c.window.h, &v = c.window.w;
    std::int64_t const rows = h.outputs(c.height), cols = v.outputs(c.width);
    Doubles y;
    for (std::int64_t b = 0; b < c.events; ++b)
        for (std::int64_t p = 0; p < rows; ++p)
            for (std::int64_t q = 0; q < cols; ++q)
                for (std::int64_t o = 0; o < c.outputs; ++o) {
                    double sum = bias.empty() ? 0 : bias[static_cast<std::size_t>(o)];
                    for (std::int64_t k = 0; k < h.kernel; ++k)
                        for (std::int64_t l = 0; l < v.kernel; ++l)
                            for (std::int64_t i = 0; i < c.inputs; ++i) {
                                std::int64_t const row = p * h.stride - h.before + k;
                                std::int64_t const col = q * v.stride - v.before + l;
                                if (row < 0 || row >= c.height || col < 0 || col >= c.width)
                                    continue;
                                sum += x[static_cast<std::size_t>(
                                           ((b * c.height + row) * c.width + col) * c.inputs + i)]
                                       * w[static_cast<std::size_t>(
                                           ((k * v.kernel + l) * c.inputs + i) * c.outputs + o)];
                            }
                    y.push_back(sum);
                }
    return y;
}

Doubles wide(std::vector<float> const& v)
{
    return {v.begin(), v.end()};
}

class Conv2d : public testing::TestWithParam<Case> {};
class Conv2dGradient : public testing::TestWithParam<Case> {};
constexpr auto kName = [](testing::TestParamInfo<Case> const& c) {
    return c.param.name;
};
}  // namespace

TEST_P(Conv2d, forward_agrees_with_oracle)
{
    Case const& c = GetParam();
    Problem const p(c);
    Context ctx = make_context();
    double const terms = static_cast<double>(c.window.h.kernel * c.window.w.kernel * c.inputs + 1);
    double const allowed = 4 * kEps * std::sqrt(terms);
    expect_close(run(ctx, c, p).y, oracle(c, wide(p.x), wide(p.w), wide(p.bias)), allowed, allowed);
}

TEST_P(Conv2dGradient, agrees_with_finite_differences_of_the_oracle)
{
    Case const& c = GetParam();
    Problem const p(c);
    Context ctx = make_context();
    Results const got = run(ctx, c, p, 0.5F);
    auto const scalar = [&](Doubles const& x, Doubles const& w, Doubles const& bias) {
        Doubles const y = oracle(c, x, w, bias);
        return std::inner_product(y.begin(), y.end(), p.dy.begin(), 0.0);
    };
    auto const expect = [&](std::vector<float> const& value, Doubles gradient) {
        for (double& g : gradient)
            g += 0.5;
        expect_close(value, gradient, 1e-5, 1e-5);
    };
    Doubles const x = wide(p.x), w = wide(p.w), bias = wide(p.bias);
    expect(got.dx, numeric_gradient([&](auto const& v) { return scalar(v, w, bias); }, x, 1e-3));
    expect(got.dw, numeric_gradient([&](auto const& v) { return scalar(x, v, bias); }, w, 1e-3));
    expect(got.dbias, numeric_gradient([&](auto const& v) { return scalar(x, w, v); }, bias, 1e-3));
}

INSTANTIATE_TEST_SUITE_P(Small, Conv2d, testing::ValuesIn(small_windows()), kName);
INSTANTIATE_TEST_SUITE_P(Small, Conv2dGradient, testing::ValuesIn(small_windows()), kName);
INSTANTIATE_TEST_SUITE_P(Wide, Conv2d, testing::ValuesIn(wide_cases()), kName);

/// <dy, conv(x; w)> is bilinear: the gradients must satisfy <dx, x> = <dw, w> = <dy, y - bias>.
TEST(Conv2dProperties, gradients_of_many_events_and_channels_satisfy_euler)
{
    Case const c{"", 40, 5, 5, 20, 65, {same_axis_keras(3, 1, 5), same_axis_keras(3, 1, 5)}};
    Problem p(c);
    std::fill(p.bias.begin(), p.bias.end(), 0.0F);
    Context ctx = make_context();
    Results const got = run(ctx, c, p);
    auto const dot = [](std::vector<float> const& a, std::vector<float> const& b) {
        double sum = 0;
        for (std::size_t i = 0; i < a.size(); ++i)
            sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
        return sum;
    };
    double const want = dot(p.dy, got.y);
    EXPECT_NEAR(dot(got.dx, p.x), want, 1e-5 * std::abs(want) + 1e-2);
    EXPECT_NEAR(dot(got.dw, p.w), want, 1e-5 * std::abs(want) + 1e-2);
    Doubles sums(65);
    for (std::size_t i = 0; i < p.dy.size(); ++i)
        sums[i % 65] += static_cast<double>(p.dy[i]);
    expect_close(got.dbias, sums, 4 * kEps * std::sqrt(1000.0), kEps);
}

TEST(Conv2dProperties, an_event_does_not_depend_on_its_neighbours)
{
    Case const many{"", 9, 5, 4, 3, 70, {same_axis_keras(3, 1, 5), same_axis_keras(3, 1, 4)}};
    Case one = many;
    one.events = 1;
    Problem p(many);
    Context ctx = make_context();
    Results const all = run(ctx, many, p);
    p.x.erase(p.x.begin(), p.x.begin() + 8 * 5 * 4 * 3);
    p.dy.erase(p.dy.begin(), p.dy.begin() + 8 * 5 * 4 * 70);
    Results const alone = run(ctx, one, p);
    EXPECT_TRUE(same_bits(alone.y, {all.y.end() - 5 * 4 * 70, all.y.end()}));
    EXPECT_TRUE(same_bits(alone.dx, {all.dx.end() - 5 * 4 * 3, all.dx.end()}));
}

TEST(Conv2dProperties, same_bits_for_any_number_of_threads)
{
    Case const c{"", 35, 5, 4, 11, 30, {same_axis_keras(3, 1, 5), same_axis_keras(3, 1, 4)}};
    Problem const p(c);
    expect_same_for_any_threads([&](Context& ctx) {
        Results const r = run(ctx, c, p);
        std::vector<float> all = r.y;
        for (auto const* v : {&r.dx, &r.dw, &r.dbias})
            all.insert(all.end(), v->begin(), v->end());
        return all;
    });
}

TEST(Conv2dProperties, refuses_bad_arguments)
{
    Context ctx = make_context();
    Buffer<float> a(ctx, 1000);
    Window2d const window{same_axis_keras(3, 1, 4), same_axis_keras(3, 1, 5)};
    Conv2dArgs const good{.x = a.ref({2, 4, 5, 3}),
                          .w = a.ref({3, 3, 3, 2}),
                          .bias = a.ref({2}),
                          .window = window,
                          .y = a.ref({2, 4, 5, 2})};
    Conv2dGradArgs const good_grad{.x = good.x, .w = good.w, .dy = good.y, .window = window};
    EXPECT_NO_THROW(conv2d_backward(ctx, good_grad));
    auto const refused = [&](auto change) {
        Conv2dArgs bad = good;
        change(bad);
        EXPECT_THROW(conv2d_forward(ctx, bad), Error);
    };
    refused([&](auto& b) { b.x = a.ref({8, 5, 3}); });
    refused([&](auto& b) { b.w = a.ref({3, 3, 2, 3}); });
    refused([&](auto& b) { b.w = a.ref({9, 3, 2}); });
    refused([&](auto& b) { b.bias = a.ref({3}); });
    refused([&](auto& b) { b.y = a.ref({2, 2, 3, 2}); });
    refused([&](auto& b) { b.window.h.stride = 0; });
    refused([&](auto& b) { b.window = {ceil_axis(valid_axis(3, 2), 4), valid_axis(3, 2)}; });
    auto const refused_grad = [&](auto change) {
        Conv2dGradArgs bad = good_grad;
        change(bad);
        EXPECT_THROW(conv2d_backward(ctx, bad), Error);
    };
    refused_grad([&](auto& b) { b.dy = a.ref({2, 2, 3, 2}); });
    refused_grad([&](auto& b) { b.dx = a.ref({2, 5, 4, 3}); });
    refused_grad([&](auto& b) { b.dw = a.ref({2, 2, 3, 2}); });
    refused_grad([&](auto& b) { b.dbias = a.ref({3}); });
}
}  // namespace calofuse::test
