#include "kernels/conv/depthwise_conv2d.hpp"

#include <limits>
#include <numeric>
#include <vector>

#include "runtime/buffer.hpp"
#include "tests/support/gradcheck.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr double kEps = std::numeric_limits<float>::epsilon();
using Doubles = std::vector<double>;

struct DepthwiseCase {
    char const* name;
    std::int64_t events, height, width, inputs, multiplier;
    Window2d window;

    std::int64_t rows() const { return window.h.outputs(height); }
    std::int64_t cols() const { return window.w.outputs(width); }
    std::int64_t outputs() const { return inputs * multiplier; }
    std::vector<std::int64_t> x_shape() const { return {events, height, width, inputs}; }
    std::vector<std::int64_t> w_shape() const
    {
        return {window.h.kernel, window.w.kernel, inputs, multiplier};
    }
    std::vector<std::int64_t> y_shape() const { return {events, rows(), cols(), outputs()}; }
};
void PrintTo(DepthwiseCase const& c, std::ostream* os)
{
    *os << c.name;
}

std::size_t count(std::vector<std::int64_t> const& shape)
{
    return static_cast<std::size_t>(
        std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
}

struct Problem {
    std::vector<float> x, w, bias, dy;
    explicit Problem(DepthwiseCase const& c)
        : x(random_values(count(c.x_shape()), 1))
        , w(random_values(count(c.w_shape()), 2))
        , bias(random_values(static_cast<std::size_t>(c.outputs()), 3))
        , dy(random_values(count(c.y_shape()), 4))
    {}
};

struct Results {
    std::vector<float> y, dx, dw, dbias;
};
Results run(Context& ctx, DepthwiseCase const& c, Problem const& p, float start = 0)
{
    OnDevice<float> x(ctx, p.x, c.x_shape()), w(ctx, p.w, c.w_shape());
    OnDevice<float> bias(ctx, p.bias, {c.outputs()}), dy(ctx, p.dy, c.y_shape());
    OnDevice<float> y(ctx, std::vector<float>(p.dy.size()), c.y_shape());
    OnDevice<float> dx(ctx, std::vector<float>(p.x.size(), start), c.x_shape());
    OnDevice<float> dw(ctx, std::vector<float>(p.w.size(), start), c.w_shape());
    OnDevice<float> dbias(ctx, std::vector<float>(p.bias.size(), start), {c.outputs()});
    depthwise_conv2d_forward(
        ctx, {.x = x.ref(), .w = w.ref(), .bias = bias.ref(), .window = c.window, .y = y.ref()});
    depthwise_conv2d_backward(ctx, {.x = x.ref(),
                                    .w = w.ref(),
                                    .dy = dy.ref(),
                                    .window = c.window,
                                    .dx = dx.ref(),
                                    .dw = dw.ref(),
                                    .dbias = dbias.ref()});
    return {y.fetch(), dx.fetch(), dw.fetch(), dbias.fetch()};
}

/// The definition, in double.
Doubles oracle(DepthwiseCase const& c, Doubles const& x, Doubles const& w, Doubles const& bias)
{
    WindowAxis const &h = c.window.h, &v = c.window.w;
    Doubles y;
    for (std::int64_t b = 0; b < c.events; ++b)
        for (std::int64_t p = 0; p < c.rows(); ++p)
            for (std::int64_t q = 0; q < c.cols(); ++q)
                for (std::int64_t i = 0; i < c.inputs; ++i)
                    for (std::int64_t m = 0; m < c.multiplier; ++m) {
                        double sum = bias[static_cast<std::size_t>(i * c.multiplier + m)];
                        for (std::int64_t k = 0; k < h.kernel; ++k)
                            for (std::int64_t l = 0; l < v.kernel; ++l) {
                                std::int64_t const row = p * h.stride - h.before + k;
                                std::int64_t const col = q * v.stride - v.before + l;
                                if (row < 0 || row >= c.height || col < 0 || col >= c.width)
                                    continue;
                                sum += x[static_cast<std::size_t>(
                                           ((b * c.height + row) * c.width + col) * c.inputs + i)]
                                       * w[static_cast<std::size_t>(
                                           ((k * v.kernel + l) * c.inputs + i) * c.multiplier + m)];
                            }
                        y.push_back(sum);
                    }
    return y;
}

Doubles wide(std::vector<float> const& v)
{
    return {v.begin(), v.end()};
}

std::vector<DepthwiseCase> small_cases_of_windows()
{
    return {{"no_events", 0, 3, 3, 2, 2, {same_axis_keras(3, 1, 3), same_axis_keras(3, 1, 3)}},
            {"no_cells", 2, 2, 3, 2, 1, {valid_axis(3, 1), valid_axis(3, 1)}},
            {"one_cell", 2, 1, 1, 2, 1, {same_axis_keras(3, 1, 1), same_axis_keras(3, 1, 1)}},
            {"whole_image", 2, 4, 3, 3, 2, {valid_axis(4, 1), valid_axis(3, 1)}},
            {"even_same", 1, 5, 4, 2, 3, {same_axis_keras(4, 1, 5), same_axis_keras(2, 1, 4)}},
            {"strided_same", 2, 5, 6, 1, 2, {same_axis_keras(3, 2, 5), same_axis_keras(3, 2, 6)}},
            {"strided_padded", 2, 6, 5, 3, 1, {padded_axis(3, 3, 2), padded_axis(2, 2, 1)}},
            {"stride_skips", 1, 7, 7, 2, 2, {valid_axis(1, 3), valid_axis(2, 3)}}};
}
/// Numbers of channels around the sizes of blocks.
std::vector<DepthwiseCase> channel_cases()
{
    Window2d const same{same_axis_keras(3, 1, 4), same_axis_keras(3, 1, 5)};
    return {{"channels_31", 2, 4, 5, 31, 1, same},      {"channels_32", 2, 4, 5, 32, 1, same},
            {"channels_33", 2, 4, 5, 33, 1, same},      {"channels_70", 1, 4, 5, 70, 1, same},
            {"channels_32_by_2", 1, 4, 5, 32, 2, same}, {"channels_11_by_3", 1, 4, 5, 11, 3, same}};
}

class DepthwiseConv2d : public testing::TestWithParam<DepthwiseCase> {};
constexpr auto kName = [](testing::TestParamInfo<DepthwiseCase> const& c) {
    return c.param.name;
};
}  // namespace

TEST_P(DepthwiseConv2d, forward_agrees_with_oracle)
{
    DepthwiseCase const& c = GetParam();
    Problem const p(c);
    Context ctx = make_context();
    double const terms = static_cast<double>(c.window.h.kernel * c.window.w.kernel + 1);
    double const allowed = 4 * kEps * std::sqrt(terms);
    expect_close(run(ctx, c, p).y, oracle(c, wide(p.x), wide(p.w), wide(p.bias)), allowed, allowed);
}

TEST_P(DepthwiseConv2d, gradients_agree_with_finite_differences_of_the_oracle)
{
    DepthwiseCase const& c = GetParam();
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

INSTANTIATE_TEST_SUITE_P(Windows,
                         DepthwiseConv2d,
                         testing::ValuesIn(small_cases_of_windows()),
                         kName);
INSTANTIATE_TEST_SUITE_P(Channels, DepthwiseConv2d, testing::ValuesIn(channel_cases()), kName);

/// <dy, conv(x; w)> is bilinear: the gradients must satisfy <dx, x> = <dw, w> = <dy, y - bias>. More
/// events than work items, so that partial sums of several events are added.
TEST(DepthwiseConv2dProperties, gradients_of_many_events_satisfy_euler)
{
    DepthwiseCase const c{"", 150, 6, 5, 35, 1, {valid_axis(3, 1), same_axis_keras(3, 1, 5)}};
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
    Doubles sums(35);
    for (std::size_t i = 0; i < p.dy.size(); ++i)
        sums[i % 35] += static_cast<double>(p.dy[i]);
    expect_close(got.dbias, sums, kEps, kEps);  // summed in double: one rounding
}

TEST(DepthwiseConv2dProperties, an_event_does_not_depend_on_its_neighbours)
{
    DepthwiseCase const many{"", 9, 5, 4, 40, 1, {valid_axis(3, 1), same_axis_keras(3, 1, 4)}};
    DepthwiseCase one = many;
    one.events = 1;
    Problem p(many);
    Context ctx = make_context();
    Results const all = run(ctx, many, p);
    p.x.erase(p.x.begin(), p.x.begin() + 8 * 5 * 4 * 40);
    p.dy.erase(p.dy.begin(), p.dy.begin() + 8 * 3 * 4 * 40);
    Results const alone = run(ctx, one, p);
    EXPECT_TRUE(same_bits(alone.y, {all.y.end() - 3 * 4 * 40, all.y.end()}));
    EXPECT_TRUE(same_bits(alone.dx, {all.dx.end() - 5 * 4 * 40, all.dx.end()}));
}

TEST(DepthwiseConv2dProperties, same_bits_for_any_number_of_threads)
{
    DepthwiseCase const c{"", 70, 5, 4, 37, 1, {valid_axis(3, 1), same_axis_keras(3, 1, 4)}};
    Problem const p(c);
    expect_same_for_any_threads([&](Context& ctx) {
        Results const r = run(ctx, c, p);
        std::vector<float> all = r.y;
        for (auto const* v : {&r.dx, &r.dw, &r.dbias})
            all.insert(all.end(), v->begin(), v->end());
        return all;
    });
}

TEST(DepthwiseConv2dProperties, refuses_bad_arguments)
{
    Context ctx = make_context();
    Buffer<float> a(ctx, 1000);
    Window2d const window{same_axis_keras(3, 1, 4), same_axis_keras(3, 1, 5)};
    DepthwiseConv2dArgs const good{.x = a.ref({2, 4, 5, 3}),
                                   .w = a.ref({3, 3, 3, 2}),
                                   .bias = a.ref({6}),
                                   .window = window,
                                   .y = a.ref({2, 4, 5, 6})};
    DepthwiseConv2dGradArgs const good_grad{
        .x = good.x, .w = good.w, .dy = good.y, .window = window};
    EXPECT_NO_THROW(depthwise_conv2d_backward(ctx, good_grad));
    auto const refused = [&](auto change) {
        DepthwiseConv2dArgs bad = good;
        change(bad);
        EXPECT_THROW(depthwise_conv2d_forward(ctx, bad), Error);
    };
    refused([&](auto& b) { b.x = a.ref({8, 5, 3}); });
    refused([&](auto& b) { b.w = a.ref({3, 3, 2, 3}); });
    refused([&](auto& b) { b.w = a.ref({9, 3, 2}); });
    refused([&](auto& b) { b.bias = a.ref({3}); });
    refused([&](auto& b) { b.y = a.ref({2, 4, 5, 3}); });
    refused([&](auto& b) { b.window.h.stride = 0; });
    refused([&](auto& b) { b.window = {ceil_axis(valid_axis(3, 2), 4), valid_axis(3, 2)}; });
    auto const refused_grad = [&](auto change) {
        DepthwiseConv2dGradArgs bad = good_grad;
        change(bad);
        EXPECT_THROW(depthwise_conv2d_backward(ctx, bad), Error);
    };
    refused_grad([&](auto& b) { b.dy = a.ref({2, 4, 5, 3}); });
    refused_grad([&](auto& b) { b.dx = a.ref({2, 5, 4, 3}); });
    refused_grad([&](auto& b) { b.dw = a.ref({3, 3, 2, 3}); });
    refused_grad([&](auto& b) { b.dbias = a.ref({3}); });
}
}  // namespace calofuse::test
