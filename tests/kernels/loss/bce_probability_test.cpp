#include "kernels/loss/bce_probability.hpp"

#include <algorithm>

#include "tests/support/backend_test.hpp"
#include "tests/support/gradcheck.hpp"

namespace calofuse::test {
namespace {
struct Data {
    std::vector<float> p, target, weight;
    std::int64_t num_valid = -1;  ///< -1: all
    Reduction reduction = Reduction::mean;
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
    std::size_t const valid = d.num_valid < 0 ? p.size() : static_cast<std::size_t>(d.num_valid);
    for (std::size_t i = 0; i < valid; ++i) {
        double const q = std::clamp(p[i], clip, 1 - clip);
        auto const t = static_cast<double>(d.target[i]);
        sum -= static_cast<double>(d.weight[i]) * (t * std::log(q) + (1 - t) * std::log(1 - q));
    }
    bool const mean = d.reduction == Reduction::mean && valid > 0;
    return mean ? sum / static_cast<double>(valid) : sum;
}

struct Result {
    std::vector<float> loss, dx;
};

Result run(Data const& d, int threads, double clip)
{
    Context ctx = make_context(threads);
    auto const n = static_cast<std::int64_t>(d.p.size());
    OnDevice<float> p(ctx, d.p, {n, 1}), target(ctx, d.target, {n}), weight(ctx, d.weight, {n});
    OnDevice<float> loss(ctx, {-1}, {1}), dloss(ctx, {2}, {1});
    OnDevice<float> dx(ctx, std::vector<float>(d.p.size(), 0.5F), {n, 1});
    OnDevice<std::int64_t> valid(ctx, {d.num_valid}, {1});
    TensorRef const num_valid = d.num_valid >= 0 ? valid.ref() : TensorRef{};
    bce_probability_forward(ctx, {.x = p.ref(),
                                  .target = target.ref(),
                                  .weight = weight.ref(),
                                  .num_valid = num_valid,
                                  .reduction = d.reduction,
                                  .clip = clip,
                                  .loss = loss.ref()});
    bce_probability_backward(ctx, {.x = p.ref(),
                                   .target = target.ref(),
                                   .weight = weight.ref(),
                                   .num_valid = num_valid,
                                   .reduction = d.reduction,
                                   .clip = clip,
                                   .dloss = dloss.ref(),
                                   .dx = dx.ref()});
    return {loss.fetch(), dx.fetch()};
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
        expect_close(got.dx, want, 1e-6, 1e-6);
    }
}

TEST(BceProbability, padding_and_sums)
{
    for (std::int64_t const valid : {-1, 0, 4})
        for (Reduction const r : {Reduction::mean, Reduction::sum}) {
            Data d = data_of(7);
            d.num_valid = valid;
            d.reduction = r;
            Result const got = run(d, 2, 1e-7);
            std::vector<double> const p(d.p.begin(), d.p.end());
            EXPECT_NEAR(got.loss[0], oracle(d, p, 1e-7), 4 * 1.2e-7 * 20) << valid;
            auto want = numeric_gradient([&](auto const& v) { return oracle(d, v, 1e-7); }, p);
            for (double& g : want)
                g = 2 * g + 0.5;
            expect_close(got.dx, want, 1e-6, 1e-6);
        }
}

TEST(BceProbability, without_reduction)
{
    Data const d{{0.5F, 0.25F, 0.1F}, {1, 0, 1}, {1, 2, 1}};
    Context ctx = make_context();
    OnDevice<float> p(ctx, d.p, {3}), target(ctx, d.target, {3}), weight(ctx, d.weight, {3, 1});
    OnDevice<float> loss(ctx, {-1, -1, -1}, {3}), dloss(ctx, {2, 3, 5}, {3}),
        dx(ctx, {0, 0, 0}, {3});
    OnDevice<std::int64_t> valid(ctx, {2}, {1});
    bce_probability_forward(ctx, {.x = p.ref(),
                                  .target = target.ref(),
                                  .weight = weight.ref(),
                                  .num_valid = valid.ref(),
                                  .reduction = Reduction::none,
                                  .loss = loss.ref()});
    bce_probability_backward(ctx, {.x = p.ref(),
                                   .target = target.ref(),
                                   .weight = weight.ref(),
                                   .num_valid = valid.ref(),
                                   .reduction = Reduction::none,
                                   .dloss = dloss.ref(),
                                   .dx = dx.ref()});
    expect_close(loss.fetch(), std::vector<double>{std::log(2), -2 * std::log(0.75), 0}, 1e-30,
                 1e-7);
    expect_close(dx.fetch(), std::vector<double>{-4, 3 * 2 / 0.75, 0}, 1e-30, 2e-7);
}

TEST(BceProbability, clipped_events_have_a_finite_loss_and_no_gradient)
{
    Result const got = run({{0, 1, 0.05F}, {1, 0, 1}, {1, 1, 1}}, 1, 0.1);
    EXPECT_NEAR(got.loss[0], -std::log(0.1), 1e-6);
    EXPECT_EQ(got.dx, (std::vector<float>{0.5F, 0.5F, 0.5F}));
}

TEST(BceProbability, same_bits_for_any_number_of_threads)
{
    Data const d = data_of(5000);
    Result const one = run(d, 1, 1e-7);
    for (int const threads : {1, 2, 3}) {
        Result const other = run(d, threads, 1e-7);
        EXPECT_EQ(one.loss, other.loss);
        EXPECT_EQ(one.dx, other.dx);
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
            ctx, {.x = p, .target = target, .weight = weight, .clip = clip, .loss = loss});
    };
    forward(two.ref(), two.ref(), {}, 0.1, one.ref());
    EXPECT_THROW(forward(wide.ref(), two.ref(), {}, 0.1, one.ref()), Error);
    EXPECT_THROW(forward(two.ref(), one.ref(), {}, 0.1, one.ref()), Error);
    EXPECT_THROW(forward(two.ref(), two.ref(), one.ref(), 0.1, one.ref()), Error);
    EXPECT_THROW(forward(two.ref(), two.ref(), {}, 0.5, one.ref()), Error);
    EXPECT_THROW(forward(two.ref(), two.ref(), {}, 0.1, two.ref()), Error);
    EXPECT_THROW(
        bce_probability_backward(ctx, {.x = two.ref(), .target = two.ref(), .dx = one.ref()}),
        Error);
}
}  // namespace calofuse::test
