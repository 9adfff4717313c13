#include "kernels/dense/activation.hpp"

#include <limits>
#include <numbers>

#include "runtime/buffer.hpp"
#include "tests/support/gradcheck.hpp"
#include "tests/support/operator_case.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr double kEps = std::numeric_limits<float>::epsilon();

/// The definitions, in double.
double oracle(Activation kind, double p, double x)
{
    double const cubic = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
    switch (kind) {
        case Activation::relu:
            return x > 0 ? x : 0;
        case Activation::leaky_relu:
            return x > 0 ? x : p * x;
        case Activation::elu:
            return x > 0 ? x : p * std::expm1(x);
        case Activation::gelu_exact:
            return x * std::erfc(-x / std::numbers::sqrt2) / 2;
        case Activation::gelu_tanh:
            return x * (1 + std::tanh(cubic)) / 2;
        case Activation::tanh:
            return std::tanh(x);
        case Activation::sigmoid:
            return 1 / (1 + std::exp(-x));
        case Activation::softplus:
            return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
        case Activation::asinh:
            return std::asinh(x);
    }
    return 0;
}

std::vector<float> forward(Context& ctx, Activation kind, float p, std::vector<float> const& x)
{
    auto const n = static_cast<std::int64_t>(x.size());
    OnDevice<float> in(ctx, x, {n}), out(ctx, std::vector<float>(x.size()), {n});
    activation_forward(ctx, {.x = in.ref(), .kind = kind, .parameter = p, .y = out.ref()});
    return out.fetch();
}

std::vector<float> backward(Context& ctx,
                            Activation kind,
                            float p,
                            std::vector<float> const& x,
                            std::vector<float> const& dy,
                            float start)
{
    auto const n = static_cast<std::int64_t>(x.size());
    auto const saved = backward_reads_input(kind) ? x : forward(ctx, kind, p, x);
    OnDevice<float> s(ctx, saved, {n}), g(ctx, dy, {n});
    OnDevice<float> out(ctx, std::vector<float>(x.size(), start), {n});
    activation_backward(
        ctx, {.saved = s.ref(), .dy = g.ref(), .kind = kind, .parameter = p, .dx = out.ref()});
    return out.fetch();
}

struct Case {
    char const* name;
    Activation kind;
    float parameter;
};
void PrintTo(Case const& c, std::ostream* os)
{
    *os << c.name;
}
class ActivationOf : public testing::TestWithParam<Case> {};
}  // namespace

TEST_P(ActivationOf, forward_agrees_with_oracle)
{
    auto const [name, kind, p] = GetParam();
    for (std::size_t const n : {0U, 1U, 63U, 64U, 65U, 40'001U}) {
        auto x = random_values(n, static_cast<std::uint32_t>(n), -9, 9);
        if (n > 1) x[1] = 0;
        Context ctx = make_context();
        std::vector<double> want;
        for (float const v : x)
            want.push_back(oracle(kind, static_cast<double>(p), static_cast<double>(v)));
        // gelu multiplies the rounded (1 + tanh), as small as 1e-7, by x: absolute error eps |x|.
        double const abs = kind == Activation::gelu_tanh ? 16 * kEps : 1e-30;
        double const rel = kind == Activation::gelu_exact ? 8 * kEps : 4 * kEps;
        expect_close(forward(ctx, kind, p, x), want, abs, rel);
    }
}

TEST_P(ActivationOf, gradient_agrees_with_finite_differences_of_the_oracle)
{
    auto const [name, kind, p] = GetParam();
    auto const x = random_values(333, 5, -6, 6), dy = random_values(333, 6);
    Context ctx = make_context();
    std::vector<double> want;
    for (std::size_t i = 0; i < x.size(); ++i) {
        auto const f = [&](std::vector<double> const& v) {
            return oracle(kind, static_cast<double>(p), v[0]);
        };
        want.push_back(
            0.5 + static_cast<double>(dy[i]) * numeric_gradient(f, {static_cast<double>(x[i])})[0]);
    }
    expect_close(backward(ctx, kind, p, x, dy, 0.5F), want, 2e-6, 2e-6);
}

TEST_P(ActivationOf, keeps_the_promises_of_an_operator)
{
    auto const kind = GetParam().kind;
    float const p = GetParam().parameter;
    OperatorCase{}
        .input("x", {3, 7}, random_values(21, 5, -6, 6))
        .output("y", {3, 7}, 16 * kEps, 64 * kEps)
        .gradient("x", 2e-6, 2e-6)
        .forward([&](Context& ctx, Tensors const& t) {
            activation_forward(ctx, {.x = t("x"), .kind = kind, .parameter = p, .y = t("y")});
        })
        .backward([&](Context& ctx, Tensors const& t) {
            activation_backward(ctx, {.saved = t(backward_reads_input(kind) ? "x" : "y"),
                                      .dy = t("dy"),
                                      .kind = kind,
                                      .parameter = p,
                                      .dx = t("dx")});
        })
        .oracle([&](Doubles const& v) {
            std::vector<double> y;
            for (double const x : v.at("x"))
                y.push_back(oracle(kind, static_cast<double>(p), x));
            return Doubles{{"y", y}};
        })
        .check();
}

TEST_P(ActivationOf, limits)
{
    auto const [name, kind, p] = GetParam();
    Context ctx = make_context();
    std::vector<float> const x{-1e4F, -200, -88, 0, 88, 200, 1e4F};
    auto const y = forward(ctx, kind, p, x);
    auto const dx = backward(ctx, kind, p, x, std::vector<float>(x.size(), 1.0F), 0);
    for (std::size_t i = 0; i < x.size(); ++i) {
        double const want = oracle(kind, static_cast<double>(p), static_cast<double>(x[i]));
        EXPECT_NEAR(y[i], want, 4 * kEps * std::abs(want) + 1e-30) << x[i];
        EXPECT_TRUE(std::isfinite(dx[i])) << x[i];
    }
    EXPECT_TRUE(std::isnan(forward(ctx, kind, p, {std::nanf("")})[0]));
}

TEST_P(ActivationOf, in_place)
{
    auto const [name, kind, p] = GetParam();
    auto const x = random_values(100, 7, -3, 3);
    Context ctx = make_context();
    OnDevice<float> v(ctx, x, {4, 25});
    activation_forward(ctx, {.x = v.ref(), .kind = kind, .parameter = p, .y = v.ref()});
    EXPECT_TRUE(same_bits(v.fetch(), forward(ctx, kind, p, x)));
}

TEST_P(ActivationOf, same_bits_for_any_number_of_threads)
{
    auto const [name, kind, p] = GetParam();
    auto const x = random_values(50'021, 8, -5, 5), dy = random_values(50'021, 9);
    expect_same_for_any_threads([&, kind = kind, p = p](Context& ctx) {
        auto all = forward(ctx, kind, p, x);
        auto const dx = backward(ctx, kind, p, x, dy, 0);
        all.insert(all.end(), dx.begin(), dx.end());
        return all;
    });
}

INSTANTIATE_TEST_SUITE_P(Kinds,
                         ActivationOf,
                         testing::Values(Case{"relu", Activation::relu, 0},
                                         Case{"leaky_relu", Activation::leaky_relu, 0.3F},
                                         Case{"elu", Activation::elu, 0.75F},
                                         Case{"gelu_exact", Activation::gelu_exact, 0},
                                         Case{"gelu_tanh", Activation::gelu_tanh, 0},
                                         Case{"tanh", Activation::tanh, 0},
                                         Case{"sigmoid", Activation::sigmoid, 0},
                                         Case{"softplus", Activation::softplus, 0},
                                         Case{"asinh", Activation::asinh, 0}),
                         [](auto const& c) { return c.param.name; });

TEST(ActivationRules, slope_at_zero_is_that_of_the_negative_side)
{
    Context ctx = make_context();
    EXPECT_EQ(backward(ctx, Activation::relu, 0, {0}, {1}, 0)[0], 0.0F);
    EXPECT_EQ(backward(ctx, Activation::leaky_relu, 0.3F, {0}, {1}, 0)[0], 0.3F);
    EXPECT_EQ(backward(ctx, Activation::elu, 2, {0}, {1}, 0)[0], 2.0F);
}

TEST(ActivationRules, refuses_a_negative_parameter_other_types_and_no_memory)
{
    Context ctx = make_context();
    Buffer<float> a(ctx, 6);
    Buffer<double> d(ctx, 6);
    EXPECT_THROW(activation_forward(ctx, {.x = d.ref(), .y = d.ref()}), Error);
    EXPECT_THROW(activation_backward(ctx, {.saved = d.ref(), .dy = d.ref(), .dx = d.ref()}), Error);
    EXPECT_THROW(activation_forward(ctx, {.x = a.ref(), .y = {}}), Error);
    EXPECT_THROW(activation_forward(ctx, {.x = a.ref(), .parameter = -0.1F, .y = a.ref()}), Error);
    EXPECT_THROW(
        activation_backward(ctx, {.saved = a.ref(), .dy = a.ref(), .parameter = -1, .dx = a.ref()}),
        Error);
}
}  // namespace calofuse::test
