#include "kernels/optim/adam.hpp"

#include <limits>

#include "runtime/buffer.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr int kSteps = 40;

struct Rule {
    AdamRule rule = AdamRule::keras;
    double beta2 = 0.999, epsilon = 1e-7, weight_decay = 0;
    WeightDecay decay = WeightDecay::decoupled;
    bool amsgrad = false;
};

std::vector<float> gradient_at(int t, std::size_t n)
{
    return random_values(n, static_cast<std::uint32_t>(t), -1, 1);
}
double rate_at(int t)
{
    return 0.01 / (1 + 0.1 * t);
}

/// The update of one parameter after another, in double, as the header writes it.
std::vector<double> oracle(Rule const& r, std::vector<float> const& start)
{
    std::vector<double> w(start.begin(), start.end()), m(w.size()), v(w.size()), vmax(w.size());
    for (int t = 1; t <= kSteps; ++t) {
        auto const dw = gradient_at(t, w.size());
        double const bias1 = 1 - std::pow(0.9, t), bias2 = 1 - std::pow(r.beta2, t);
        for (std::size_t i = 0; i < w.size(); ++i) {
            auto g = static_cast<double>(dw[i]);
            if (r.decay == WeightDecay::coupled) g += r.weight_decay * w[i];
            if (r.decay == WeightDecay::decoupled) w[i] -= rate_at(t) * r.weight_decay * w[i];
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = r.beta2 * v[i] + (1 - r.beta2) * g * g;
            vmax[i] = std::max(vmax[i], v[i]);
            double const root = std::sqrt(r.amsgrad ? vmax[i] : v[i]);
            w[i] -= r.rule == AdamRule::keras
                        ? rate_at(t) * std::sqrt(bias2) / bias1 * m[i] / (root + r.epsilon)
                        : rate_at(t) / bias1 * m[i] / (root / std::sqrt(bias2) + r.epsilon);
        }
    }
    return w;
}

std::vector<float> run(Context& ctx, Rule const& r, std::vector<float> const& start)
{
    auto const n = static_cast<std::int64_t>(start.size());
    std::vector<float> const zero(start.size());
    OnDevice<float> w(ctx, start, {n}), m(ctx, zero, {n}), v(ctx, zero, {n}), vmax(ctx, zero, {n});
    for (int t = 1; t <= kSteps; ++t) {
        OnDevice<float> dw(ctx, gradient_at(t, start.size()), {n});
        OnDevice<double> rate(ctx, {rate_at(t)}, {1});
        OnDevice<std::int64_t> step(ctx, {t}, {1});
        adam_update(ctx, {.dw = dw.ref(),
                          .learning_rate = rate.ref(),
                          .step = step.ref(),
                          .rule = r.rule,
                          .beta2 = r.beta2,
                          .epsilon = r.epsilon,
                          .weight_decay = r.weight_decay,
                          .decay = r.decay,
                          .w = w.ref(),
                          .m = m.ref(),
                          .v = v.ref(),
                          .vmax = r.amsgrad ? vmax.ref() : TensorRef{}});
    }
    return w.fetch();
}
}  // namespace

TEST(Adam, trajectory_agrees_with_oracle)
{
    std::vector<Rule> const rules{
        {},
        {.rule = AdamRule::torch, .epsilon = 1e-8},
        {.epsilon = 0.1, .weight_decay = 0.1},
        {.rule = AdamRule::torch, .epsilon = 0.1},
        {.rule = AdamRule::torch, .weight_decay = 0.1, .decay = WeightDecay::coupled},
        {.beta2 = 0.9, .amsgrad = true},
        {.rule = AdamRule::torch, .beta2 = 0.9, .amsgrad = true}};
    for (std::size_t const n : {0U, 1U, 63U, 64U, 65U})
        for (Rule const& rule : rules) {
            Context ctx = make_context();
            auto const start = random_values(n, 99, -1, 1);
            // 40 updates of up to 0.01, each to a few eps, on a parameter rounded each time.
            expect_close(run(ctx, rule, start), oracle(rule, start), 2e-6, 0);
        }
}

TEST(Adam, zero_gradient_moves_nothing)
{
    Context ctx = make_context();
    auto const start = random_values(70, 1);
    OnDevice<float> w(ctx, start, {70}), zero(ctx, std::vector<float>(70), {70});
    OnDevice<float> m(ctx, std::vector<float>(70), {70}), v(ctx, std::vector<float>(70), {70});
    OnDevice<double> rate(ctx, {1.0}, {1});
    OnDevice<std::int64_t> step(ctx, {1}, {1});
    adam_update(ctx, {.dw = zero.ref(),
                      .learning_rate = rate.ref(),
                      .step = step.ref(),
                      .w = w.ref(),
                      .m = m.ref(),
                      .v = v.ref()});
    EXPECT_EQ(w.fetch(), start);
}

TEST(Adam, same_bits_for_any_number_of_threads)
{
    auto const start = random_values(20'011, 2);
    expect_same_for_any_threads([&](Context& ctx) { return run(ctx, {}, start); });
}

TEST(Adam, refuses_bad_arguments)
{
    Context ctx = make_context();
    Buffer<float> a(ctx, 6), b(ctx, 5);
    Buffer<double> rate(ctx, 1);
    Buffer<std::int64_t> step(ctx, std::vector<std::int64_t>{1});
    AdamArgs const good{.dw = a.ref(),
                        .learning_rate = rate.ref(),
                        .step = step.ref(),
                        .w = a.ref(),
                        .m = a.ref(),
                        .v = a.ref()};
    EXPECT_NO_THROW(adam_update(ctx, good));
    auto const refused = [&](auto change) {
        AdamArgs bad = good;
        change(bad);
        EXPECT_THROW(adam_update(ctx, bad), Error);
    };
    refused([&](auto& g) { g.w = a.ref({2, 3}); });
    refused([&](auto& g) { g.dw = b.ref(); });
    refused([&](auto& g) { g.m = b.ref(); });
    refused([&](auto& g) { g.v = {}; });
    refused([&](auto& g) { g.vmax = b.ref(); });
    refused([&](auto& g) { g.learning_rate = a.ref(); });
    refused([&](auto& g) { g.step = rate.ref(); });
    refused([&](auto& g) { g.beta1 = 1; });
    refused([&](auto& g) { g.beta2 = -0.1; });
    refused([&](auto& g) { g.epsilon = 0; });
    refused([&](auto& g) { g.weight_decay = -1; });
}
}  // namespace calofuse::test
