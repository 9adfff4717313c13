#include "kernels/loss/cross_entropy.hpp"

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
    float label_smoothing = 0;
    Smoothing smoothing = Smoothing::uniform;
    bool weighted = false, class_weighted = false;
    std::int64_t num_valid = -1;  ///< -1: all
};

struct Problem {
    std::size_t classes;
    std::vector<float> x, weight, class_weight;
    std::vector<std::int32_t> target;
    Problem(std::size_t n, std::size_t c)
        : classes(c)
        , x(random_values(n * c, 1, -5, 5))
        , weight(random_values(n, 2, 0, 2))
        , class_weight(random_values(c, 3, 0.2F, 2))
    {
        for (std::size_t i = 0; i < n; ++i)
            target.push_back(static_cast<std::int32_t>(i * 7 % c));
    }
};

/// Losses of the events, already divided for a mean.
Doubles oracle(Problem const& p, Rule const& rule, Doubles const& z)
{
    Doubles loss(p.target.size());
    double over = 0;
    for (std::size_t n = 0; n < loss.size(); ++n) {
        if (rule.num_valid >= 0 && static_cast<std::int64_t>(n) >= rule.num_valid) continue;
        auto const t = static_cast<std::size_t>(p.target[n]);
        double sum = 0;
        for (std::size_t c = 0; c < p.classes; ++c)
            sum += std::exp(z[n * p.classes + c]);
        auto const s = static_cast<double>(rule.label_smoothing);
        auto const count = static_cast<double>(p.classes);
        for (std::size_t c = 0; c < p.classes; ++c) {
            double q = c == t ? 1 - s + s / count : s / count;
            if (rule.smoothing == Smoothing::others) q = c == t ? 1 - s : s / (count - 1);
            double const v = rule.class_weighted ? static_cast<double>(p.class_weight[c]) : 1.0;
            loss[n] -= v * q * std::log(std::exp(z[n * p.classes + c]) / sum);
        }
        if (rule.weighted) loss[n] *= static_cast<double>(p.weight[n]);
        over += rule.class_weighted ? static_cast<double>(p.class_weight[t]) : 1.0;
    }
    if (rule.reduction == Reduction::mean)
        for (double& l : loss)
            l /= over > 0 ? over : 1;
    return loss;
}

struct Results {
    std::vector<float> loss, dx;
};
Results run(Context& ctx, Problem const& p, Rule const& rule, std::vector<float> const& dloss)
{
    auto const n = static_cast<std::int64_t>(p.target.size());
    auto const c = static_cast<std::int64_t>(p.classes);
    OnDevice<float> z(ctx, p.x, {n, c}), w(ctx, p.weight, {n}), v(ctx, p.class_weight, {c});
    OnDevice<std::int32_t> t(ctx, p.target, {n});
    OnDevice<std::int64_t> valid(ctx, {rule.num_valid}, {1});
    TensorRef const num_valid = rule.num_valid >= 0 ? valid.ref() : TensorRef{};
    std::int64_t const losses = rule.reduction == Reduction::none ? n : 1;
    OnDevice<float> loss(ctx, std::vector<float>(static_cast<std::size_t>(losses)), {losses});
    OnDevice<float> dl(ctx, dloss, {static_cast<std::int64_t>(dloss.size())});
    OnDevice<float> dz(ctx, std::vector<float>(p.x.size(), 0.5F), {n, c});
    TensorRef const weight = rule.weighted ? w.ref() : TensorRef{};
    TensorRef const class_weight = rule.class_weighted ? v.ref() : TensorRef{};
    cross_entropy_forward(ctx, {.x = z.ref(),
                                .target = t.ref(),
                                .weight = weight,
                                .num_valid = num_valid,
                                .class_weight = class_weight,
                                .reduction = rule.reduction,
                                .label_smoothing = rule.label_smoothing,
                                .smoothing = rule.smoothing,
                                .loss = loss.ref()});
    cross_entropy_backward(ctx, {.x = z.ref(),
                                 .target = t.ref(),
                                 .weight = weight,
                                 .num_valid = num_valid,
                                 .class_weight = class_weight,
                                 .reduction = rule.reduction,
                                 .label_smoothing = rule.label_smoothing,
                                 .smoothing = rule.smoothing,
                                 .dloss = dloss.empty() ? TensorRef{} : dl.ref(),
                                 .dx = dz.ref()});
    return {loss.fetch(), dz.fetch()};
}
}  // namespace

TEST(CrossEntropy, agrees_with_oracle_and_its_finite_differences)
{
    std::vector<Rule> const rules{
        {},
        {.reduction = Reduction::sum, .label_smoothing = 0.1F, .weighted = true},
        {.label_smoothing = 0.2F, .smoothing = Smoothing::others},
        {.label_smoothing = 0.1F, .weighted = true, .class_weighted = true},
        {.reduction = Reduction::none, .class_weighted = true},
        {.weighted = true, .class_weighted = true, .num_valid = 5},
        {.reduction = Reduction::sum, .num_valid = 3},
        {.reduction = Reduction::none, .num_valid = 6},
        {.class_weighted = true, .num_valid = 0}};
    for (auto const& [n, classes] :
         std::vector<std::pair<std::size_t, std::size_t>>{{0, 3}, {1, 2}, {7, 5}, {70, 3}})
        for (Rule const& rule : rules) {
            Problem p(n, classes);
            for (std::size_t i = static_cast<std::size_t>(rule.num_valid); i < n; ++i)
                p.target[i] = -1;  // of padding nothing is read
            Context ctx = make_context();
            bool const each = rule.reduction == Reduction::none;
            auto const dloss = random_values(each ? n : 1, 4);
            Results const got = run(ctx, p, rule, dloss);
            Doubles const z(p.x.begin(), p.x.end());
            Doubles want = oracle(p, rule, z);
            if (!each) want = {std::accumulate(want.begin(), want.end(), 0.0)};
            expect_close(got.loss, want, 1e-12, kEps);  // double until the end
            auto gradient = numeric_gradient(
                [&](Doubles const& v) {
                    Doubles const loss = oracle(p, rule, v);
                    double sum = 0;
                    for (std::size_t i = 0; i < loss.size(); ++i)
                        sum += loss[i] * static_cast<double>(dloss[each ? i : 0]);
                    return sum;
                },
                z, 1e-5);
            for (double& g : gradient)
                g += 0.5;
            expect_close(got.dx, gradient, 2e-7, 1e-6);
        }
}

TEST(CrossEntropy, huge_logits_stay_finite)
{
    Problem p(2, 2);
    p.x = {1e4F, -1e4F, 1e4F, -1e4F};
    p.target = {0, 1};
    Context ctx = make_context();
    Results const got = run(ctx, p, {.reduction = Reduction::none}, {});
    EXPECT_EQ(got.loss, (std::vector<float>{0, 2e4F}));
    EXPECT_EQ(got.dx, (std::vector<float>{0.5F, 0.5F, 1.5F, -0.5F}));
}

TEST(CrossEntropy, same_bits_for_any_number_of_threads)
{
    Problem const p(3001, 4);
    expect_same_for_any_threads([&](Context& ctx) {
        Results r = run(ctx, p, {.weighted = true, .class_weighted = true}, {});
        r.dx.push_back(r.loss[0]);
        return r.dx;
    });
}

TEST(CrossEntropy, refuses_bad_arguments)
{
    Context ctx = make_context();
    Buffer<float> a(ctx, 6), one(ctx, 1);
    Buffer<std::int32_t> t(ctx, 3), t2(ctx, 2);
    CrossEntropyArgs const good{.x = a.ref({3, 2}), .target = t.ref(), .loss = one.ref()};
    EXPECT_NO_THROW(cross_entropy_forward(ctx, good));
    auto const refused = [&](auto change) {
        CrossEntropyArgs bad = good;
        change(bad);
        EXPECT_THROW(cross_entropy_forward(ctx, bad), Error);
    };
    refused([&](auto& b) { b.x = a.ref(); });
    refused([&](auto& b) { b.x = a.ref({3, 1}); });
    refused([&](auto& b) { b.target = t2.ref(); });
    refused([&](auto& b) { b.weight = a.ref(); });
    refused([&](auto& b) { b.class_weight = a.ref(); });
    refused([&](auto& b) { b.num_valid = t.ref(); });
    refused([&](auto& b) { b.label_smoothing = -0.1F; });
    refused([&](auto& b) { b.loss = a.ref(); });
    refused([&](auto& b) { b.reduction = Reduction::none; });
    EXPECT_THROW(cross_entropy_backward(ctx, {.x = good.x, .target = t.ref(), .dx = a.ref({2, 3})}),
                 Error);
    EXPECT_THROW(cross_entropy_backward(
                     ctx, {.x = good.x, .target = t.ref(), .dloss = a.ref(), .dx = good.x}),
                 Error);
}
}  // namespace calofuse::test
