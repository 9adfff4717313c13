#include "kernels/dense/softmax.hpp"

#include <limits>

#include "runtime/buffer.hpp"
#include "tests/support/operator_case.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr double kEps = std::numeric_limits<float>::epsilon();

std::vector<double> oracle(std::vector<double> const& x, std::size_t channels, SoftmaxKind kind)
{
    std::vector<double> y(x.size());
    for (std::size_t row = 0; row < x.size(); row += channels) {
        double highest = x[row], sum = 0;
        for (std::size_t c = 0; c < channels; ++c)
            highest = std::max(highest, x[row + c]);
        for (std::size_t c = 0; c < channels; ++c)
            sum += std::exp(x[row + c] - highest);
        for (std::size_t c = 0; c < channels; ++c)
            y[row + c] = kind == SoftmaxKind::softmax ? std::exp(x[row + c] - highest) / sum
                                                      : x[row + c] - highest - std::log(sum);
    }
    return y;
}

struct Results {
    std::vector<float> y, dx;
};
Results run(Context& ctx,
            std::vector<float> const& x,
            std::vector<float> const& dy,
            std::int64_t channels,
            SoftmaxKind kind)
{
    auto const rows = static_cast<std::int64_t>(x.size()) / channels;
    OnDevice<float> in(ctx, x, {rows, channels}), g(ctx, dy, {rows, channels});
    OnDevice<float> out(ctx, std::vector<float>(x.size()), {rows, channels});
    OnDevice<float> dx(ctx, std::vector<float>(x.size(), 0.5F), {rows, channels});
    softmax_forward(ctx, {.x = in.ref(), .kind = kind, .y = out.ref()});
    softmax_backward(ctx, {.y = out.ref(), .dy = g.ref(), .kind = kind, .dx = dx.ref()});
    return {out.fetch(), dx.fetch()};
}
}  // namespace

TEST(Softmax, keeps_the_promises_of_an_operator)
{
    for (SoftmaxKind const kind : {SoftmaxKind::softmax, SoftmaxKind::log_softmax})
        for (auto const& [rows, channels] :
             std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 3}, {1, 1}, {7, 5}, {3, 65}}) {
            SCOPED_TRACE(testing::Message() << rows << " x " << channels);
            auto const width = static_cast<std::size_t>(channels);
            OperatorCase{}
                .input("x", {rows, channels},
                       random_values(static_cast<std::size_t>(rows) * width, 1, -8, 8))
                .output("y", {rows, channels}, 1e-30, 16 * kEps)
                .gradient("x", 2e-6, 2e-6)
                .forward([&](Context& ctx, Tensors const& t) {
                    softmax_forward(ctx, {.x = t("x"), .kind = kind, .y = t("y")});
                })
                .backward([&](Context& ctx, Tensors const& t) {
                    softmax_backward(ctx,
                                     {.y = t("y"), .dy = t("dy"), .kind = kind, .dx = t("dx")});
                })
                .oracle([&](Doubles const& v) {
                    return Doubles{{"y", oracle(v.at("x"), width, kind)}};
                })
                .check();
        }
}

TEST(Softmax, huge_values_and_ties)
{
    Context ctx = make_context();
    std::vector<float> const x{1e4F, -1e4F, 1e4F, -1e4F, 3, 3, 3, 3}, dy(8, 1.0F);
    Results const got = run(ctx, x, dy, 4, SoftmaxKind::softmax);
    EXPECT_EQ(got.y, (std::vector<float>{0.5F, 0, 0.5F, 0, 0.25F, 0.25F, 0.25F, 0.25F}));
    Results const logs = run(ctx, x, dy, 4, SoftmaxKind::log_softmax);
    EXPECT_NEAR(logs.y[1], -2e4 - std::log(2.0), 2e4 * kEps);
    EXPECT_NEAR(logs.y[0], -std::log(2.0), 4 * kEps);
}

TEST(Softmax, same_bits_for_any_number_of_threads_and_in_place)
{
    auto const x = random_values(900 * 7, 3, -4, 4), dy = random_values(900 * 7, 4);
    expect_same_for_any_threads([&](Context& ctx) {
        Results const r = run(ctx, x, dy, 7, SoftmaxKind::log_softmax);
        OnDevice<float> v(ctx, x, {900, 7});
        softmax_forward(ctx, {.x = v.ref(), .kind = SoftmaxKind::log_softmax, .y = v.ref()});
        EXPECT_TRUE(same_bits(v.fetch(), r.y));
        return r.dx;
    });
}

TEST(Softmax, refuses_tensors_without_rows)
{
    Context ctx = make_context();
    Buffer<float> a(ctx, 6);
    EXPECT_THROW(softmax_forward(ctx, {.x = a.ref(), .y = a.ref()}), Error);
    EXPECT_THROW(softmax_backward(ctx, {.y = a.ref(), .dy = a.ref(), .dx = a.ref()}), Error);
}
}  // namespace calofuse::test
