#include "kernels/dense/batch_norm.hpp"

#include <limits>
#include <numeric>

#include "runtime/buffer.hpp"
#include "tests/support/operator_case.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
using Values = std::vector<double>;
constexpr double kEps = std::numeric_limits<float>::epsilon();

struct Oracle {
    Values mean, variance, y;
};

/// The definition, in double. Given statistics are used when `mean` is not empty.
Oracle oracle(Values const& x,
              Values const& gamma,
              Values const& beta,
              double epsilon,
              Values mean = {},
              Values variance = {})
{
    std::size_t const channels = gamma.size(), rows = x.size() / channels;
    bool const compute = mean.empty();
    if (compute) {
        mean.assign(channels, 0);
        variance.assign(channels, 0);
        for (std::size_t i = 0; i < x.size(); ++i)
            mean[i % channels] += x[i] / static_cast<double>(rows);
        for (std::size_t i = 0; i < x.size(); ++i)
            variance[i % channels] +=
                std::pow(x[i] - mean[i % channels], 2) / static_cast<double>(rows);
    }
    Values y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        std::size_t const c = i % channels;
        y[i] = gamma[c] * (x[i] - mean[c]) / std::sqrt(variance[c] + epsilon) + beta[c];
    }
    return {mean, variance, y};
}

Values wide(std::vector<float> const& v)
{
    return {v.begin(), v.end()};
}

/// Tensors of one case; in mode given, mean and variance are inputs.
struct Problem {
    std::int64_t rows, channels;
    Statistics statistics;
    std::vector<float> x, gamma, beta, dy, mean, variance;

    Problem(std::int64_t n, std::int64_t c, Statistics s) : rows(n), channels(c), statistics(s)
    {
        auto const cells = static_cast<std::size_t>(n * c), width = static_cast<std::size_t>(c);
        x = random_values(cells, 1, -1, 3);
        gamma = random_values(width, 2, -1.5F, 1.5F);
        beta = random_values(width, 3);
        dy = random_values(cells, 4);
        mean = random_values(width, 5);
        variance = random_values(width, 6, 0.1F, 2);
        if (s == Statistics::batch) mean.assign(width, -7), variance.assign(width, -7);
    }
    Oracle want(float epsilon) const
    {
        bool const given = statistics == Statistics::given;
        return oracle(wide(x), wide(gamma), wide(beta), static_cast<double>(epsilon),
                      given ? wide(mean) : Values{}, given ? wide(variance) : Values{});
    }
};

struct Results {
    std::vector<float> mean, variance, y, dx, dgamma, dbeta;
    std::vector<float> all() const
    {
        std::vector<float> out;
        for (auto const* v : {&mean, &variance, &y, &dx, &dgamma, &dbeta})
            out.insert(out.end(), v->begin(), v->end());
        return out;
    }
};

/// Forward and backward; gradients are added to tensors full of `start`.
Results run(Context& ctx, Problem const& p, float epsilon = 1e-3F, float start = 0)
{
    auto const cells = p.x.size(), width = p.gamma.size();
    OnDevice<float> x(ctx, p.x, {p.rows, p.channels}), gamma(ctx, p.gamma, {p.channels});
    OnDevice<float> beta(ctx, p.beta, {p.channels}), dy(ctx, p.dy, {p.rows, p.channels});
    OnDevice<float> mean(ctx, p.mean, {p.channels}), variance(ctx, p.variance, {p.channels});
    OnDevice<float> y(ctx, std::vector<float>(cells), {p.rows, p.channels});
    OnDevice<float> dx(ctx, std::vector<float>(cells, start), {p.rows, p.channels});
    OnDevice<float> dgamma(ctx, std::vector<float>(width, start), {p.channels});
    OnDevice<float> dbeta(ctx, std::vector<float>(width, start), {p.channels});
    batch_norm_forward(ctx, {.x = x.ref(),
                             .gamma = gamma.ref(),
                             .beta = beta.ref(),
                             .statistics = p.statistics,
                             .epsilon = epsilon,
                             .mean = mean.ref(),
                             .variance = variance.ref(),
                             .y = y.ref()});
    batch_norm_backward(ctx, {.x = x.ref(),
                              .gamma = gamma.ref(),
                              .mean = mean.ref(),
                              .variance = variance.ref(),
                              .dy = dy.ref(),
                              .statistics = p.statistics,
                              .epsilon = epsilon,
                              .dx = dx.ref(),
                              .dgamma = dgamma.ref(),
                              .dbeta = dbeta.ref()});
    return {mean.fetch(), variance.fetch(), y.fetch(), dx.fetch(), dgamma.fetch(), dbeta.fetch()};
}

struct Case {
    char const* name;
    std::int64_t rows, channels;
};
void PrintTo(Case const& c, std::ostream* os)
{
    *os << c.name;
}
class BatchNorm : public testing::TestWithParam<Case> {};
class BatchNormGradient : public testing::TestWithParam<Case> {};
}  // namespace

TEST_P(BatchNorm, forward_agrees_with_oracle)
{
    auto const [name, rows, channels] = GetParam();
    for (Statistics const s : {Statistics::batch, Statistics::given}) {
        Problem const p(rows, channels, s);
        Context ctx = make_context();
        Results const got = run(ctx, p);
        Oracle const want = p.want(1e-3F);
        // y = gamma h + beta rounds terms of size up to |gamma| |x - mean| / sqrt(variance + eps).
        expect_close(got.y, want.y, 30 * kEps, 4 * kEps);
        if (rows == 0) continue;
        expect_close(got.mean, want.mean, 4 * kEps, 4 * kEps);
        expect_close(got.variance, want.variance, 4 * kEps, 4 * kEps * 16);
    }
}

TEST_P(BatchNormGradient, keeps_the_promises_of_an_operator)
{
    auto const [name, rows, channels] = GetParam();
    for (Statistics const s : {Statistics::batch, Statistics::given}) {
        bool const given = s == Statistics::given;
        SCOPED_TRACE(given ? "given" : "batch");
        Problem const p(rows, channels, s);
        OperatorCase c;
        c.input("x", {p.rows, p.channels}, p.x)
            .input("gamma", {p.channels}, p.gamma)
            .input("beta", {p.channels}, p.beta)
            .output("y", {p.rows, p.channels}, 30 * kEps, 4 * kEps);
        if (given)
            c.input("mean", {p.channels}, p.mean).input("variance", {p.channels}, p.variance);
        else
            c.output("mean", {p.channels}, 4 * kEps, 4 * kEps)
                .output("variance", {p.channels}, 4 * kEps, 4 * kEps * 16)
                .constant("mean")
                .constant("variance");
        for (char const* const input : {"x", "gamma", "beta"})
            c.gradient(input, 2e-5, 1e-5);
        c.forward([&](Context& ctx, Tensors const& t) {
             batch_norm_forward(ctx, {.x = t("x"),
                                      .gamma = t("gamma"),
                                      .beta = t("beta"),
                                      .statistics = s,
                                      .mean = t("mean"),
                                      .variance = t("variance"),
                                      .y = t("y")});
         })
            .backward([&](Context& ctx, Tensors const& t) {
                batch_norm_backward(ctx, {.x = t("x"),
                                          .gamma = t("gamma"),
                                          .mean = t("mean"),
                                          .variance = t("variance"),
                                          .dy = t("dy"),
                                          .statistics = s,
                                          .dx = t("dx"),
                                          .dgamma = t("dgamma"),
                                          .dbeta = t("dbeta")});
            })
            .oracle([&](Doubles const& v) {
                Oracle const want =
                    oracle(v.at("x"), v.at("gamma"), v.at("beta"), 1e-3,
                           given ? v.at("mean") : Values{}, given ? v.at("variance") : Values{});
                Doubles out{{"y", want.y}};
                if (!given) out.insert({{"mean", want.mean}, {"variance", want.variance}});
                return out;
            })
            .check();
    }
}

constexpr auto kName = [](testing::TestParamInfo<Case> const& c) {
    return c.param.name;
};
auto const kSmall = testing::Values(Case{"no_rows", 0, 5},
                                    Case{"one_row", 1, 7},
                                    Case{"one_channel", 37, 1},
                                    Case{"odd", 6, 9},
                                    Case{"channels_63", 5, 63},
                                    Case{"channels_64", 4, 64},
                                    Case{"channels_65", 7, 65});
INSTANTIATE_TEST_SUITE_P(Small, BatchNormGradient, kSmall, kName);
INSTANTIATE_TEST_SUITE_P(Small, BatchNorm, kSmall, kName);
INSTANTIATE_TEST_SUITE_P(Chunks,
                         BatchNorm,
                         testing::Values(Case{"of_64", 1031, 64},
                                         Case{"of_1", 1500, 1},
                                         Case{"wide", 19, 1500}),
                         kName);

TEST(BatchNormLimits, gradient_of_many_rows)
{
    Problem const p(3000, 5, Statistics::batch);
    Context ctx = make_context();
    Results const got = run(ctx, p);
    Oracle const want = p.want(1e-3F);
    Values dgamma(5), dbeta(5);
    for (std::size_t i = 0; i < p.x.size(); ++i) {
        std::size_t const c = i % 5;
        double const h = (static_cast<double>(p.x[i]) - want.mean[c])
                         / std::sqrt(want.variance[c] + static_cast<double>(1e-3F));
        dgamma[c] += static_cast<double>(p.dy[i]) * h;
        dbeta[c] += static_cast<double>(p.dy[i]);
    }
    double const sum_of_3000 = 4 * kEps * std::sqrt(3000.0);
    expect_close(got.dgamma, dgamma, sum_of_3000, sum_of_3000);
    expect_close(got.dbeta, dbeta, sum_of_3000, sum_of_3000);
    Values dx(p.x.size());
    for (std::size_t i = 0; i < p.x.size(); ++i) {
        std::size_t const c = i % 5;
        double const r = 1 / std::sqrt(want.variance[c] + static_cast<double>(1e-3F));
        double const h = (static_cast<double>(p.x[i]) - want.mean[c]) * r;
        dx[i] = static_cast<double>(p.gamma[c]) * r
                * (static_cast<double>(p.dy[i]) - dbeta[c] / 3000 - h * dgamma[c] / 3000);
    }
    expect_close(got.dx, dx, 16 * kEps, 16 * kEps);
}

TEST(BatchNormLimits, constant_channel_has_variance_zero_and_y_beta)
{
    for (float const value : {0.1F, -3.3333333e7F, 1e-30F, 8191.0F}) {
        Problem p(2000, 3, Statistics::batch);
        std::fill(p.x.begin(), p.x.end(), value);
        Context ctx = make_context();
        Results const got = run(ctx, p, 1e-5F);
        EXPECT_EQ(got.variance, (std::vector<float>{0, 0, 0}));
        EXPECT_EQ(got.mean, (std::vector<float>{value, value, value}));
        for (std::size_t i = 0; i < got.y.size(); ++i)
            ASSERT_EQ(got.y[i], p.beta[i % 3]);
    }
}

TEST(BatchNormLimits, small_spread_far_from_zero)
{
    Problem p(1000, 2, Statistics::batch);
    auto const noise = random_values(p.x.size(), 9);
    for (std::size_t i = 0; i < p.x.size(); ++i)
        p.x[i] = 8000.0F + noise[i];
    Context ctx = make_context();
    Results const got = run(ctx, p);
    // The formula E[x^2] - E[x]^2 in float would be off by 8000^2 eps = 8.
    expect_close(got.variance, p.want(1e-3F).variance, 0, 1e-5);
    // y inherits the rounding of the stored mean, 8000 eps / 2, over sigma = 0.58.
    expect_close(got.y, p.want(1e-3F).y, 8000 * kEps, 1e-5);
}

TEST(BatchNormLimits, nan_reaches_its_channel_only)
{
    Problem p(300, 4, Statistics::batch);
    p.x[42] = std::nanf("");  // channel 2
    Context ctx = make_context();
    Results const got = run(ctx, p);
    for (std::size_t c = 0; c < 4; ++c)
        EXPECT_EQ(std::isnan(got.variance[c]), c == 2) << c;
}

TEST(BatchNormLimits, in_place_and_without_dx)
{
    Problem const p(40, 8, Statistics::batch);
    Context ctx = make_context();
    Results const want = run(ctx, p);
    OnDevice<float> x(ctx, p.x, {40, 8}), original(ctx, p.x, {40, 8}), dy(ctx, p.dy, {40, 8});
    OnDevice<float> gamma(ctx, p.gamma, {8}), beta(ctx, p.beta, {8});
    OnDevice<float> mean(ctx, p.mean, {8}), variance(ctx, p.variance, {8});
    OnDevice<float> dgamma(ctx, std::vector<float>(8), {8}), dbeta(ctx, std::vector<float>(8), {8});
    batch_norm_forward(ctx, {.x = x.ref(),
                             .gamma = gamma.ref(),
                             .beta = beta.ref(),
                             .mean = mean.ref(),
                             .variance = variance.ref(),
                             .y = x.ref()});
    batch_norm_backward(ctx, {.x = original.ref(),
                              .gamma = gamma.ref(),
                              .mean = mean.ref(),
                              .variance = variance.ref(),
                              .dy = dy.ref(),
                              .dx = {},
                              .dgamma = dgamma.ref(),
                              .dbeta = dbeta.ref()});
    EXPECT_TRUE(same_bits(x.fetch(), want.y));
    EXPECT_TRUE(same_bits(dgamma.fetch(), want.dgamma));
}

TEST(BatchNormLimits, same_bits_for_any_number_of_threads)
{
    Problem const p(2500, 33, Statistics::batch);
    expect_same_for_any_threads([&](Context& ctx) { return run(ctx, p).all(); });
}

TEST(BatchNormLimits, refuses_bad_epsilon_rows_and_no_memory)
{
    Context ctx = make_context();
    Buffer<float> x(ctx, 12), c3(ctx, 3);
    BatchNormArgs const good{.x = x.ref({4, 3}),
                             .gamma = c3.ref(),
                             .beta = c3.ref(),
                             .mean = c3.ref(),
                             .variance = c3.ref(),
                             .y = x.ref({4, 3})};
    EXPECT_NO_THROW(batch_norm_forward(ctx, good));
    auto const refused = [&](auto change) {
        BatchNormArgs bad = good;
        change(bad);
        EXPECT_THROW(batch_norm_forward(ctx, bad), Error);
    };
    refused([&](auto& a) { a.x = x.ref(); });
    refused([&](auto& a) { a.variance = {}; });
    refused([&](auto& a) { a.epsilon = 0; });
    BatchNormGradArgs const good_grad{.x = x.ref({4, 3}),
                                      .gamma = c3.ref(),
                                      .mean = c3.ref(),
                                      .variance = c3.ref(),
                                      .dy = x.ref({4, 3}),
                                      .dx = {},
                                      .dgamma = c3.ref(),
                                      .dbeta = c3.ref()};
    EXPECT_NO_THROW(batch_norm_backward(ctx, good_grad));
    auto const refused_grad = [&](auto change) {
        BatchNormGradArgs bad = good_grad;
        change(bad);
        EXPECT_THROW(batch_norm_backward(ctx, bad), Error);
    };
    refused_grad([&](auto& a) { a.x = x.ref(); });
    refused_grad([&](auto& a) { a.dbeta = {}; });
    refused_grad([&](auto& a) { a.epsilon = -1; });
}
}  // namespace calofuse::test
