#include "kernels/loss/bce.hpp"

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

struct Rule {
    Reduction reduction = Reduction::mean;
    float pos_weight = 1, label_smoothing = 0;
    std::int64_t num_valid = -1;  ///< -1: all
    bool weighted = false;
};
struct Problem {
    std::vector<float> x, target, weight;
    explicit Problem(std::size_t n)
        : x(random_values(n, 1, -5, 5))
        , target(random_values(n, 2, 0, 1))
        , weight(random_values(n, 3, 0, 2))
    {
        for (std::size_t i = 0; i + 2 < n; i += 3) {
            target[i] = 0;
            target[i + 1] = 1;
        }
    }
};

/// Losses of the events by the textbook form -p t log(sigmoid(z)) - (1 - t) log(sigmoid(-z)).
Doubles oracle(Problem const& p, Rule const& rule, Doubles const& z)
{
    Doubles loss(z.size());
    for (std::size_t i = 0; i < z.size(); ++i) {
        if (rule.num_valid >= 0 && static_cast<std::int64_t>(i) >= rule.num_valid) continue;
        auto const s = static_cast<double>(rule.label_smoothing);
        double const t = static_cast<double>(p.target[i]) * (1 - s) + 0.5 * s;
        double const one = -std::log(1 / (1 + std::exp(-z[i])));
        double const zero = -std::log(1 / (1 + std::exp(z[i])));
        double const w = rule.weighted ? static_cast<double>(p.weight[i]) : 1.0;
        loss[i] = w * (static_cast<double>(rule.pos_weight) * t * one + (1 - t) * zero);
    }
    return loss;
}

double reduced(Doubles const& loss, Rule const& rule)
{
    double const sum = std::accumulate(loss.begin(), loss.end(), 0.0);
    double const count = rule.num_valid >= 0 ? static_cast<double>(rule.num_valid)
                                             : static_cast<double>(loss.size());
    return rule.reduction == Reduction::mean ? sum / std::max(count, 1.0) : sum;
}

struct Results {
    std::vector<float> loss, dx;
};
Results run(Context& ctx, Problem const& p, Rule const& rule, std::vector<float> const& dloss)
{
    auto const n = static_cast<std::int64_t>(p.x.size());
    OnDevice<float> z(ctx, p.x, {n, 1}), t(ctx, p.target, {n, 1}), w(ctx, p.weight, {n});
    OnDevice<std::int64_t> valid(ctx, {rule.num_valid}, {1});
    std::int64_t const losses = rule.reduction == Reduction::none ? n : 1;
    OnDevice<float> loss(ctx, std::vector<float>(static_cast<std::size_t>(losses), -1), {losses});
    OnDevice<float> dl(ctx, dloss, {static_cast<std::int64_t>(dloss.size())});
    OnDevice<float> dz(ctx, std::vector<float>(p.x.size(), 0.5F), {n, 1});
    TensorRef const weight = rule.weighted ? w.ref() : TensorRef{};
    TensorRef const num_valid = rule.num_valid >= 0 ? valid.ref() : TensorRef{};
    bce_forward(ctx, {.x = z.ref(),
                      .target = t.ref(),
                      .weight = weight,
                      .num_valid = num_valid,
                      .reduction = rule.reduction,
                      .pos_weight = rule.pos_weight,
                      .label_smoothing = rule.label_smoothing,
                      .loss = loss.ref()});
    bce_backward(ctx, {.x = z.ref(),
                       .target = t.ref(),
                       .weight = weight,
                       .num_valid = num_valid,
                       .reduction = rule.reduction,
                       .pos_weight = rule.pos_weight,
                       .label_smoothing = rule.label_smoothing,
                       .dloss = dloss.empty() ? TensorRef{} : dl.ref(),
                       .dx = dz.ref()});
    return {loss.fetch(), dz.fetch()};
}
}  // namespace

TEST(Bce, agrees_with_oracle_and_its_finite_differences)
{
    std::vector<Rule> const rules{{},
                                  {.reduction = Reduction::sum, .weighted = true},
                                  {.label_smoothing = 0.2F, .weighted = true},
                                  {.pos_weight = 3},
                                  {.num_valid = 3},
                                  {.num_valid = 0}};
    for (std::size_t const n : {0U, 1U, 5U, 65U, 300U})
        for (Rule const& rule : rules) {
            if (rule.num_valid > static_cast<std::int64_t>(n)) continue;
            Problem const p(n);
            Context ctx = make_context();
            Results const got = run(ctx, p, rule, {2.5F});
            Doubles const z(p.x.begin(), p.x.end());
            double const want = reduced(oracle(p, rule, z), rule);
            EXPECT_NEAR(got.loss[0], want, kEps * want);  // double until the end
            auto gradient = numeric_gradient(
                [&](Doubles const& v) { return 2.5 * reduced(oracle(p, rule, v), rule); }, z, 1e-5);
            for (double& g : gradient)
                g += 0.5;
            expect_close(got.dx, gradient, 2e-7, 1e-6);
        }
}

TEST(Bce, without_reduction)
{
    Rule const rule{.reduction = Reduction::none, .num_valid = 60, .weighted = true};
    Problem const p(65);
    auto const dloss = random_values(65, 9);
    Context ctx = make_context();
    Results const got = run(ctx, p, rule, dloss);
    Doubles const z(p.x.begin(), p.x.end());
    expect_close(got.loss, oracle(p, rule, z), 1e-30, kEps);
    auto gradient = numeric_gradient(
        [&](Doubles const& v) {
            Doubles const loss = oracle(p, rule, v);
            return std::inner_product(loss.begin(), loss.end(), dloss.begin(), 0.0);
        },
        z, 1e-5);
    for (double& g : gradient)
        g += 0.5;
    expect_close(got.dx, gradient, 2e-7, 1e-6);
}

TEST(Bce, huge_logits_stay_finite)
{
    Problem p(4);
    p.x = {1e4F, -1e4F, 1e4F, -1e4F};
    p.target = {1, 0, 0, 1};
    Context ctx = make_context();
    Results const got = run(ctx, p, {.reduction = Reduction::none}, {});
    EXPECT_EQ(got.loss, (std::vector<float>{0, 0, 1e4F, 1e4F}));
    EXPECT_EQ(got.dx, (std::vector<float>{0.5F, 0.5F, 1.5F, -0.5F}));
}

TEST(Bce, missing_dloss_means_one)
{
    Problem const p(20);
    Context ctx = make_context();
    EXPECT_TRUE(same_bits(run(ctx, p, {}, {}).dx, run(ctx, p, {}, {1}).dx));
}

TEST(Bce, same_bits_for_any_number_of_threads)
{
    Problem const p(5003);
    expect_same_for_any_threads([&](Context& ctx) {
        Results r = run(ctx, p, {.weighted = true}, {});
        r.dx.push_back(r.loss[0]);
        return r.dx;
    });
}

TEST(Bce, refuses_bad_arguments)
{
    Context ctx = make_context();
    Buffer<float> a(ctx, 6), b(ctx, 5), one(ctx, 1);
    Buffer<std::int64_t> two(ctx, 2);
    BceArgs const good{.x = a.ref(), .target = a.ref(), .loss = one.ref()};
    EXPECT_NO_THROW(bce_forward(ctx, good));
    auto const refused = [&](auto change) {
        BceArgs bad = good;
        change(bad);
        EXPECT_THROW(bce_forward(ctx, bad), Error);
    };
    refused([&](auto& g) { g.x = a.ref({3, 2}); });
    refused([&](auto& g) { g.target = b.ref(); });
    refused([&](auto& g) { g.weight = b.ref(); });
    refused([&](auto& g) { g.num_valid = two.ref(); });
    refused([&](auto& g) { g.pos_weight = 0; });
    refused([&](auto& g) { g.label_smoothing = 1.5F; });
    refused([&](auto& g) { g.loss = a.ref(); });
    refused([&](auto& g) { g.reduction = Reduction::none; });
    BceGradArgs const good_grad{.x = a.ref(), .target = a.ref(), .dx = a.ref()};
    EXPECT_NO_THROW(bce_backward(ctx, good_grad));
    BceGradArgs bad = good_grad;
    bad.dx = b.ref();
    EXPECT_THROW(bce_backward(ctx, bad), Error);
    bad = good_grad;
    bad.dloss = a.ref();
    EXPECT_THROW(bce_backward(ctx, bad), Error);
}
}  // namespace calofuse::test
