#include "kernels/loss/regression.hpp"

#include <limits>

#include "runtime/buffer.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr double kEps = std::numeric_limits<float>::epsilon();
using Doubles = std::vector<double>;

struct Problem {
    std::size_t rows, width;
    Residual kind;
    Reduction reduction;
    std::vector<float> x, target, weight;
    Problem(std::size_t n, std::size_t d, Residual k, Reduction r)
        : rows(n)
        , width(d)
        , kind(k)
        , reduction(r)
        , x(random_values(n * d, 1))
        , target(random_values(n * d, 2))
        , weight(random_values(n, 3, 0, 2))
    {}
};

/// The definition, event by event, for delta 0.3.
double oracle(Problem const& p, Doubles const& x)
{
    double all = 0;
    for (std::size_t n = 0; n < p.rows; ++n) {
        double sum = 0;
        for (std::size_t i = n * p.width; i < (n + 1) * p.width; ++i) {
            auto const t = static_cast<double>(p.target[i]);
            double const e = std::abs(x[i] - t), delta = static_cast<double>(0.3F);
            bool const square = p.kind == Residual::squared;
            sum += square ? e * e : e <= delta ? e * e / 2 : delta * (e - delta / 2);
        }
        if (p.reduction == Reduction::mean) sum /= static_cast<double>(p.width * p.rows);
        all += static_cast<double>(p.weight[n]) * sum;
    }
    return all;
}

struct Results {
    std::vector<float> loss, dx;
};
Results run(Context& ctx, Problem const& p, std::vector<float> const& dloss)
{
    auto const n = static_cast<std::int64_t>(p.rows), d = static_cast<std::int64_t>(p.width);
    OnDevice<float> x(ctx, p.x, {n, d}), t(ctx, p.target, {n, d}), w(ctx, p.weight, {n});
    OnDevice<float> loss(ctx, {-1}, {1}), dx(ctx, std::vector<float>(p.x.size(), 0.5F), {n, d});
    OnDevice<float> dl(ctx, dloss, {static_cast<std::int64_t>(dloss.size())});
    regression_loss_forward(ctx, {.x = x.ref(),
                                  .target = t.ref(),
                                  .weight = w.ref(),
                                  .kind = p.kind,
                                  .reduction = p.reduction,
                                  .delta = 0.3F,
                                  .loss = loss.ref()});
    regression_loss_backward(ctx, {.x = x.ref(),
                                   .target = t.ref(),
                                   .weight = w.ref(),
                                   .kind = p.kind,
                                   .reduction = p.reduction,
                                   .delta = 0.3F,
                                   .dloss = dloss.empty() ? TensorRef{} : dl.ref(),
                                   .dx = dx.ref()});
    return {loss.fetch(), dx.fetch()};
}
constexpr Residual kKinds[] = {Residual::squared, Residual::huber};
}  // namespace

TEST(RegressionLoss, agrees_with_oracle_and_its_finite_differences)
{
    for (Residual const kind : kKinds)
        for (Reduction const r : {Reduction::mean, Reduction::sum})
            for (auto const& [n, d] : std::vector<std::pair<std::size_t, std::size_t>>{
                     {0, 2}, {1, 1}, {7, 3}, {99, 1}}) {
                Problem const p(n, d, kind, r);
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
    refused([&](auto& b) { b.reduction = Reduction::none; });
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
