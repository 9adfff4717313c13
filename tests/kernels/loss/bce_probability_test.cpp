#include "kernels/loss/bce_probability.hpp"

#include <algorithm>

#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"

namespace calofuse::test {
namespace {
struct Data {
    std::vector<float> p, target, weight;
};

Data data_of(std::size_t events)
{
    Data d{random_values(events, 1, 0.01F, 0.99F), random_values(events, 2, 0, 1),
           random_values(events, 3, 0, 2)};
    for (std::size_t i = 0; i < events; i += 2)
        d.target[i] = d.target[i] < 0.5F ? 0.0F : 1.0F;
    return d;
}

double oracle(Data const& d, std::vector<double> const& p, double clip)
{
    double sum = 0;
    for (std::size_t i = 0; i < p.size(); ++i) {
        double const q = std::clamp(p[i], clip, 1 - clip);
        auto const t = static_cast<double>(d.target[i]);
        sum -= static_cast<double>(d.weight[i]) * (t * std::log(q) + (1 - t) * std::log(1 - q));
    }
    return p.empty() ? 0 : sum / static_cast<double>(p.size());
}

struct Result {
    std::vector<float> loss, dp;
};

Result run(Data const& d, int threads, double clip)
{
    Context ctx = make_context(threads);
    auto const n = static_cast<std::int64_t>(d.p.size());
    OnDevice<float> p(ctx, d.p, {n, 1}), target(ctx, d.target, {n}), weight(ctx, d.weight, {n});
    OnDevice<float> loss(ctx, {-1}, {1}), dloss(ctx, {2}, {1});
    OnDevice<float> dp(ctx, std::vector<float>(d.p.size(), 0.5F), {n, 1});
    bce_probability_forward(ctx, {.p = p.ref(),
                                  .target = target.ref(),
                                  .weight = weight.ref(),
                                  .clip = clip,
                                  .loss = loss.ref()});
    bce_probability_backward(ctx, {.p = p.ref(),
                                   .target = target.ref(),
                                   .weight = weight.ref(),
                                   .clip = clip,
                                   .dloss = dloss.ref(),
                                   .dp = dp.ref()});
    return {loss.fetch(), dp.fetch()};
}
}  // namespace

TEST(BceProbability, agrees_with_oracle_and_finite_differences)
{
    for (std::size_t const events : {0, 1, 7, 2500}) {
        Data const d = data_of(events);
        Result const got = run(d, 2, 1e-7);
        std::vector<double> const p(d.p.begin(), d.p.end());
        EXPECT_NEAR(got.loss[0], oracle(d, p, 1e-7), 4 * 1.2e-7 * 5) << events;  // doubles inside
        if (events > 100) continue;
        auto want = numeric_gradient([&](auto const& v) { return oracle(d, v, 1e-7); }, p);
        for (double& g : want)
            g = 2 * g + 0.5;
        expect_close(got.dp, want, 1e-6, 1e-6);
    }
}

TEST(BceProbability, clipped_events_have_a_finite_loss_and_no_gradient)
{
    Result const got = run({{0, 1, 0.05F}, {1, 0, 1}, {1, 1, 1}}, 1, 0.1);
    EXPECT_NEAR(got.loss[0], -std::log(0.1), 1e-6);
    EXPECT_EQ(got.dp, (std::vector<float>{0.5F, 0.5F, 0.5F}));
}

TEST(BceProbability, same_bits_for_any_number_of_threads)
{
    Data const d = data_of(5000);
    Result const one = run(d, 1, 1e-7);
    for (int const threads : {1, 2, 3}) {
        Result const other = run(d, threads, 1e-7);
        EXPECT_EQ(one.loss, other.loss);
        EXPECT_EQ(one.dp, other.dp);
    }
}

TEST(BceProbability, wrong_arguments_throw)
{
    Context ctx = make_context(1);
    OnDevice<float> two(ctx, {0.1F, 0.2F}, {2}), wide(ctx, {0.1F, 0.2F}, {1, 2});
    OnDevice<float> one(ctx, {0}, {1});
    auto const forward = [&](TensorRef p, TensorRef target, TensorRef weight, double clip,
                             TensorRef loss) {
        bce_probability_forward(
            ctx, {.p = p, .target = target, .weight = weight, .clip = clip, .loss = loss});
    };
    forward(two.ref(), two.ref(), {}, 0.1, one.ref());
    EXPECT_THROW(forward(wide.ref(), two.ref(), {}, 0.1, one.ref()), Error);
    EXPECT_THROW(forward(two.ref(), one.ref(), {}, 0.1, one.ref()), Error);
    EXPECT_THROW(forward(two.ref(), two.ref(), one.ref(), 0.1, one.ref()), Error);
    EXPECT_THROW(forward(two.ref(), two.ref(), {}, 0.5, one.ref()), Error);
    EXPECT_THROW(forward(two.ref(), two.ref(), {}, 0.1, two.ref()), Error);
    EXPECT_THROW(
        bce_probability_backward(ctx, {.p = two.ref(), .target = two.ref(), .dp = one.ref()}),
        Error);
}
}  // namespace calofuse::test
