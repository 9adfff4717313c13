#include "kernels/loss/regression.hpp"

#include <array>
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

constexpr std::array kQuantiles{0.16F, 0.5F, 0.9F};

struct Problem {
    std::size_t rows, width;
    Residual kind;
    Reduction reduction;
    std::vector<float> x, target, weight;
    std::int64_t num_valid = -1;  ///< -1: all
    Problem(std::size_t n, std::size_t d, Residual k, Reduction r)
        : rows(n)
        , width(d)
        , kind(k)
        , reduction(r)
        , x(random_values(n * d * each(), 1))
        , target(random_values(n * d, 2))
        , weight(random_values(n, 3, 0, 2))
    {
        if (n > 2) weight[1] = 0;
    }
    std::size_t each() const { return kind == Residual::quantile ? kQuantiles.size() : 1; }
    std::size_t valid() const { return num_valid < 0 ? rows : static_cast<std::size_t>(num_valid); }
    Quantiles quantiles() const
    {
        Quantiles out;
        if (kind != Residual::quantile) return out;
        std::copy(kQuantiles.begin(), kQuantiles.end(), out.q);
        out.count = kQuantiles.size();
        return out;
    }
};

/// The loss of a value by its definition, for delta 0.3.
double of_value(Residual kind, double x, double t, double q)
{
    double const e = std::abs(x - t), delta = static_cast<double>(0.3F);
    if (kind == Residual::squared) return e * e;
    if (kind == Residual::quantile) return e * (x > t ? 1 - q : q);
    return e <= delta ? e * e / 2 : delta * (e - delta / 2);
}

/// Of the events; what a mean divides by is left to `oracle`.
Doubles of_events(Problem const& p, Doubles const& x)
{
    Doubles out(p.rows);
    std::size_t const each = p.each(), width = p.width * each;
    for (std::size_t n = 0; n < p.valid(); ++n) {
        for (std::size_t d = 0; d < p.width; ++d)
            for (std::size_t q = 0; q < each; ++q)
                out[n] += of_value(p.kind, x[n * width + d * each + q],
                                   static_cast<double>(p.target[n * p.width + d]),
                                   static_cast<double>(kQuantiles[q]));
        if (p.reduction != Reduction::sum) out[n] /= static_cast<double>(width);
        out[n] *= static_cast<double>(p.weight[n]);
    }
    return out;
}

double oracle(Problem const& p, Doubles const& x)
{
    Doubles const loss = of_events(p, x);
    double const sum = std::accumulate(loss.begin(), loss.end(), 0.0);
    bool const mean = p.reduction == Reduction::mean && p.valid() > 0;
    return mean ? sum / static_cast<double>(p.valid()) : sum;
}

struct Results {
    std::vector<float> loss, dx;
};
Results run(Context& ctx, Problem const& p, std::vector<float> const& dloss)
{
    auto const n = static_cast<std::int64_t>(p.rows), d = static_cast<std::int64_t>(p.width);
    auto const width = d * static_cast<std::int64_t>(p.each());
    bool const none = p.reduction == Reduction::none;
    std::vector<float> const before(none ? p.rows : 1, -1);
    OnDevice<std::int64_t> valid(ctx, {p.num_valid}, {1});
    OnDevice<float> x(ctx, p.x, {n, width}), t(ctx, p.target, {n, d}), w(ctx, p.weight, {n});
    OnDevice<float> loss(ctx, before, {none ? n : 1});
    OnDevice<float> dx(ctx, std::vector<float>(p.x.size(), 0.5F), {n, width});
    TensorRef const num_valid = p.num_valid >= 0 ? valid.ref() : TensorRef{};
    OnDevice<float> dl(ctx, dloss, {static_cast<std::int64_t>(dloss.size())});
    regression_loss_forward(ctx, {.x = x.ref(),
                                  .target = t.ref(),
                                  .weight = w.ref(),
                                  .num_valid = num_valid,
                                  .kind = p.kind,
                                  .reduction = p.reduction,
                                  .delta = 0.3F,
                                  .quantiles = p.quantiles(),
                                  .loss = loss.ref()});
    regression_loss_backward(ctx, {.x = x.ref(),
                                   .target = t.ref(),
                                   .weight = w.ref(),
                                   .num_valid = num_valid,
                                   .kind = p.kind,
                                   .reduction = p.reduction,
                                   .delta = 0.3F,
                                   .quantiles = p.quantiles(),
                                   .dloss = dloss.empty() ? TensorRef{} : dl.ref(),
                                   .dx = dx.ref()});
    return {loss.fetch(), dx.fetch()};
}
constexpr Residual kKinds[] = {Residual::squared, Residual::huber, Residual::quantile};
}  // namespace

TEST(RegressionLoss, agrees_with_oracle_and_its_finite_differences)
{
    for (Residual const kind : kKinds)
        for (Reduction const r : {Reduction::mean, Reduction::sum})
            for (auto const& [n, d] : std::vector<std::pair<std::size_t, std::size_t>>{
                     {0, 2}, {1, 1}, {7, 3}, {99, 1}}) {
                Problem p(n, d, kind, r);
                if (n == 7) p.num_valid = 5;
                if (n == 1) p.num_valid = 0;
                Context ctx = make_context();
                Results const got = run(ctx, p, {2.5F});
                Doubles const x(p.x.begin(), p.x.end());
                EXPECT_NEAR(got.loss[0], oracle(p, x), kEps * oracle(p, x) + 1e-12);
                auto gradient =
                    numeric_gradient([&](Doubles const& v) { return 2.5 * oracle(p, v); }, x, 1e-7);
                for (double& g : gradient)
                    g += 0.5;
                expect_close(got.dx, gradient, 1e-6, 2e-6);
            }
}

TEST(RegressionLoss, without_reduction)
{
    for (Residual const kind : kKinds) {
        Problem p(9, 2, kind, Reduction::none);
        p.num_valid = 8;
        auto const dloss = random_values(9, 5);
        Context ctx = make_context();
        Results const got = run(ctx, p, dloss);
        Doubles const x(p.x.begin(), p.x.end());
        expect_close(got.loss, of_events(p, x), 1e-30, kEps);
        auto gradient = numeric_gradient(
            [&](Doubles const& v) {
                Doubles const loss = of_events(p, v);
                return std::inner_product(loss.begin(), loss.end(), dloss.begin(), 0.0);
            },
            x, 1e-7);
        for (double& g : gradient)
            g += 0.5;
        expect_close(got.dx, gradient, 1e-6, 2e-6);
    }
}

TEST(RegressionLoss, quantile_that_is_hit_has_no_slope)
{
    Problem p(1, 1, Residual::quantile, Reduction::sum);
    p.x.assign(p.each(), p.target[0]);
    Context ctx = make_context();
    Results const got = run(ctx, p, {});
    EXPECT_EQ(got.loss[0], 0);
    EXPECT_EQ(got.dx, std::vector<float>(p.each(), 0.5F));
}

TEST(RegressionLoss, same_bits_for_any_number_of_threads)
{
    Problem const p(2001, 3, Residual::huber, Reduction::mean);
    expect_same_for_any_threads([&](Context& ctx) {
        Results r = run(ctx, p, {});
        r.dx.push_back(r.loss[0]);
        return r.dx;
    });
}

TEST(RegressionLoss, refuses_bad_arguments)
{
    Context ctx = make_context();
    Buffer<float> a(ctx, 6), one(ctx, 1);
    RegressionLossArgs const good{.x = a.ref({3, 2}), .target = a.ref({3, 2}), .loss = one.ref()};
    EXPECT_NO_THROW(regression_loss_forward(ctx, good));
    auto const refused = [&](auto change) {
        RegressionLossArgs bad = good;
        change(bad);
        EXPECT_THROW(regression_loss_forward(ctx, bad), Error);
    };
    refused([&](auto& b) { b.x = a.ref(); });
    refused([&](auto& b) { b.target = a.ref({2, 3}); });
    refused([&](auto& b) { b.weight = a.ref(); });
    refused([&](auto& b) { b.reduction = Reduction::none; });  // loss has one element
    refused([&](auto& b) { b.num_valid = one.ref(); });
    refused([&](auto& b) { b.kind = Residual::quantile; });  // without quantiles
    refused([&](auto& b) {
        b.kind = Residual::quantile;
        b.quantiles = {{1.0F}, 1};
    });
    refused([&](auto& b) { b.delta = 0; });
    refused([&](auto& b) { b.loss = a.ref(); });
    EXPECT_THROW(
        regression_loss_backward(ctx, {.x = good.x, .target = good.target, .dx = a.ref({2, 3})}),
        Error);
    EXPECT_THROW(regression_loss_backward(
                     ctx, {.x = good.x, .target = good.target, .dloss = a.ref(), .dx = good.x}),
                 Error);
}
}  // namespace calofuse::test
