#include "kernels/loss/gce.hpp"

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

struct Problem {
    std::size_t classes;
    Reduction reduction;
    float q;
    std::vector<float> x, weight;
    std::vector<std::int32_t> target;
    std::int64_t num_valid = -1;  ///< -1: all
    Problem(std::size_t n, std::size_t c, Reduction r, float power)
        : classes(c)
        , reduction(r)
        , q(power)
        , x(random_values(n * c, 1, -5, 5))
        , weight(random_values(n, 2, 0, 2))
    {
        for (std::size_t i = 0; i < n; ++i)
            target.push_back(static_cast<std::int32_t>(i * 7 % std::max<std::size_t>(c, 2)));
    }
};

/// Losses of the events, already divided for a mean.
Doubles oracle(Problem const& p, Doubles const& z)
{
    Doubles loss(p.target.size());
    auto const valid = p.num_valid < 0 ? static_cast<std::int64_t>(loss.size()) : p.num_valid;
    for (std::size_t n = 0; n < static_cast<std::size_t>(valid); ++n) {
        auto const t = static_cast<std::size_t>(p.target[n]);
        double sum = 0;
        for (std::size_t c = 0; c < p.classes; ++c)
            sum += std::exp(z[n * p.classes + c]);
        double const probability = p.classes > 1 ? std::exp(z[n * p.classes + t]) / sum
                                                 : 1 / (1 + std::exp(t == 1 ? -z[n] : z[n]));
        auto const q = static_cast<double>(p.q);
        loss[n] = static_cast<double>(p.weight[n]) * (1 - std::pow(probability, q)) / q;
        if (p.reduction == Reduction::mean) loss[n] /= static_cast<double>(valid);
    }
    return loss;
}

struct Results {
    std::vector<float> loss, dx;
};
Results run(Context& ctx, Problem const& p, std::vector<float> const& dloss)
{
    auto const n = static_cast<std::int64_t>(p.target.size());
    auto const c = static_cast<std::int64_t>(p.classes);
    OnDevice<float> z(ctx, p.x, {n, c}), w(ctx, p.weight, {n});
    OnDevice<std::int32_t> t(ctx, p.target, {n});
    OnDevice<std::int64_t> valid(ctx, {p.num_valid}, {1});
    TensorRef const num_valid = p.num_valid >= 0 ? valid.ref() : TensorRef{};
    std::int64_t const losses = p.reduction == Reduction::none ? n : 1;
    OnDevice<float> loss(ctx, std::vector<float>(static_cast<std::size_t>(losses)), {losses});
    OnDevice<float> dl(ctx, dloss, {static_cast<std::int64_t>(dloss.size())});
    OnDevice<float> dz(ctx, std::vector<float>(p.x.size(), 0.5F), {n, c});
    gce_forward(ctx, {.x = z.ref(),
                      .target = t.ref(),
                      .weight = w.ref(),
                      .num_valid = num_valid,
                      .reduction = p.reduction,
                      .q = p.q,
                      .loss = loss.ref()});
    gce_backward(ctx, {.x = z.ref(),
                       .target = t.ref(),
                       .weight = w.ref(),
                       .num_valid = num_valid,
                       .reduction = p.reduction,
                       .q = p.q,
                       .dloss = dloss.empty() ? TensorRef{} : dl.ref(),
                       .dx = dz.ref()});
    return {loss.fetch(), dz.fetch()};
}
}  // namespace

TEST(Gce, agrees_with_oracle_and_its_finite_differences)
{
    for (auto const& [n, classes] :
         std::vector<std::pair<std::size_t, std::size_t>>{{0, 3}, {1, 2}, {7, 1}, {70, 5}})
        for (Reduction const r : {Reduction::mean, Reduction::sum, Reduction::none})
            for (float const q : {0.01F, 0.7F, 1.0F}) {
                Problem p(n, classes, r, q);
                if (n == 7) p.num_valid = 4;
                if (n == 1) p.num_valid = 0;
                Context ctx = make_context();
                bool const each = r == Reduction::none;
                auto const dloss = random_values(each ? n : 1, 4);
                Results const got = run(ctx, p, dloss);
                Doubles const z(p.x.begin(), p.x.end());
                Doubles want = oracle(p, z);
                if (!each) want = {std::accumulate(want.begin(), want.end(), 0.0)};
                expect_close(got.loss, want, 1e-12, kEps);  // double until the end
                auto gradient = numeric_gradient(
                    [&](Doubles const& v) {
                        Doubles const loss = oracle(p, v);
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

TEST(Gce, huge_logits_stay_finite)
{
    for (std::size_t const classes : {1U, 2U}) {
        Problem p(2, classes, Reduction::none, 0.5F);
        p.weight = {1, 1};
        p.x = classes == 1 ? std::vector<float>{-1e4F, -1e4F}
                           : std::vector<float>{1e4F, -1e4F, 1e4F, -1e4F};
        Context ctx = make_context();
        Results const got = run(ctx, p, {});
        EXPECT_EQ(got.loss, (std::vector<float>{0, 2}));
        for (float const g : got.dx)
            EXPECT_EQ(g, 0.5F);  // saturated: nothing is added
    }
}

TEST(Gce, same_bits_for_any_number_of_threads)
{
    Problem const p(3001, 4, Reduction::mean, 0.7F);
    expect_same_for_any_threads([&](Context& ctx) {
        Results r = run(ctx, p, {});
        r.dx.push_back(r.loss[0]);
        return r.dx;
    });
}

TEST(Gce, refuses_bad_arguments)
{
    Context ctx = make_context();
    Buffer<float> a(ctx, 6), one(ctx, 1);
    Buffer<std::int32_t> t(ctx, 3), t2(ctx, 2);
    GceArgs const good{.x = a.ref({3, 2}), .target = t.ref(), .loss = one.ref()};
    EXPECT_NO_THROW(gce_forward(ctx, good));
    auto const refused = [&](auto change) {
        GceArgs bad = good;
        change(bad);
        EXPECT_THROW(gce_forward(ctx, bad), Error);
    };
    refused([&](auto& b) { b.x = a.ref(); });
    refused([&](auto& b) { b.target = t2.ref(); });
    refused([&](auto& b) { b.weight = a.ref(); });
    refused([&](auto& b) { b.num_valid = t.ref(); });
    refused([&](auto& b) { b.q = 0; });
    refused([&](auto& b) { b.q = 1.1F; });
    refused([&](auto& b) { b.loss = a.ref(); });
    EXPECT_THROW(gce_backward(ctx, {.x = good.x, .target = t.ref(), .dx = a.ref({2, 3})}), Error);
    EXPECT_THROW(
        gce_backward(ctx, {.x = good.x, .target = t.ref(), .dloss = a.ref(), .dx = good.x}), Error);
}
}  // namespace calofuse::test
