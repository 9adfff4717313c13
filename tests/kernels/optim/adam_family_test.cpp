/// Adamax, Nadam and clipping by norm; the frameworks' own trajectories are in tests/golden.
#include <limits>
#include <memory>

#include "kernels/optim/adamax.hpp"
#include "kernels/optim/clip.hpp"
#include "kernels/optim/nadam.hpp"
#include "runtime/buffer.hpp"
#include "runtime/device/capture.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr double kEps = std::numeric_limits<float>::epsilon();
constexpr int kSteps = 40;
constexpr double kBeta1 = 0.9, kBeta2 = 0.99, kEpsilon = 0.01, kDecay = 0.1;

enum class Method { adamax, nadam };
enum class Dialect { keras, torch };

double rate_at(int t)
{
    return 0.01 / (1 + 0.1 * t);
}
std::vector<float> gradient_at(int t, std::size_t n)
{
    return random_values(n, static_cast<std::uint32_t>(t));
}
double mu_at(Dialect dialect, int t)
{
    return kBeta1 * (1 - 0.5 * std::pow(0.96, t * (dialect == Dialect::keras ? 1.0 : 0.004)));
}

/// The updates as the headers write them, in double.
std::vector<double> oracle(Method method, Dialect dialect, std::vector<float> const& start)
{
    std::vector<double> w(start.begin(), start.end()), m(w.size()), s(w.size());
    bool const keras = dialect == Dialect::keras;
    double product = 1;
    for (int t = 1; t <= kSteps; ++t) {
        auto const dw = gradient_at(t, w.size());
        double const mu = mu_at(dialect, t), next_mu = mu_at(dialect, t + 1), lr = rate_at(t);
        product *= mu;
        for (std::size_t i = 0; i < w.size(); ++i) {
            double const g = static_cast<double>(dw[i]) + (keras ? 0 : kDecay * w[i]);
            if (keras) w[i] -= lr * kDecay * w[i];
            m[i] = kBeta1 * m[i] + (1 - kBeta1) * g;
            if (method == Method::adamax) {
                s[i] = std::max(kBeta2 * s[i], std::abs(g) + (keras ? 0 : kEpsilon));
                w[i] -= lr / (1 - std::pow(kBeta1, t)) * m[i] / (s[i] + (keras ? kEpsilon : 0));
                continue;
            }
            s[i] = kBeta2 * s[i] + (1 - kBeta2) * g * g;
            double const top =
                next_mu * m[i] / (1 - product * next_mu) + (1 - mu) * g / (1 - product);
            w[i] -= lr * top / (std::sqrt(s[i] / (1 - std::pow(kBeta2, t))) + kEpsilon);
        }
    }
    return w;
}

std::vector<float> run(Context& ctx,
                       Method method,
                       Dialect dialect,
                       std::vector<float> const& start)
{
    auto const n = static_cast<std::int64_t>(start.size());
    bool const keras = dialect == Dialect::keras;
    OnDevice<float> w(ctx, start, {n}), m(ctx, std::vector<float>(start.size()), {n});
    OnDevice<float> s(ctx, std::vector<float>(start.size()), {n});
    OnDevice<double> schedule(ctx, {0}, {1});
    for (int t = 1; t <= kSteps; ++t) {
        OnDevice<float> dw(ctx, gradient_at(t, start.size()), {n});
        OnDevice<double> rate(ctx, {rate_at(t)}, {1});
        OnDevice<std::int64_t> step(ctx, {t}, {1});
        if (method == Method::adamax)
            adamax_update(ctx, {.dw = dw.ref(),
                                .learning_rate = rate.ref(),
                                .step = step.ref(),
                                .rule = keras ? AdamaxRule::keras : AdamaxRule::torch,
                                .beta1 = kBeta1,
                                .beta2 = kBeta2,
                                .epsilon = kEpsilon,
                                .weight_decay = kDecay,
                                .w = w.ref(),
                                .m = m.ref(),
                                .u = s.ref()});
        else
            nadam_update(ctx, {.dw = dw.ref(),
                               .learning_rate = rate.ref(),
                               .step = step.ref(),
                               .rule = keras ? NadamRule::keras : NadamRule::torch,
                               .beta1 = kBeta1,
                               .beta2 = kBeta2,
                               .epsilon = kEpsilon,
                               .momentum_decay = keras ? 1.0 : 0.004,
                               .weight_decay = kDecay,
                               .w = w.ref(),
                               .m = m.ref(),
                               .v = s.ref(),
                               .schedule = schedule.ref()});
    }
    return w.fetch();
}
}  // namespace

TEST(AdamFamily, trajectory_agrees_with_oracle)
{
    for (std::size_t const n : {0U, 1U, 63U, 64U, 65U})
        for (Method const method : {Method::adamax, Method::nadam})
            for (Dialect const dialect : {Dialect::keras, Dialect::torch}) {
                Context ctx = make_context();
                auto const start = random_values(n, 99);
                // 40 updates of up to 0.02, each to a few eps, on a parameter rounded each time.
                expect_close(run(ctx, method, dialect, start), oracle(method, dialect, start), 3e-6,
                             0);
            }
}

TEST(AdamFamily, same_bits_for_any_number_of_threads)
{
    auto const start = random_values(20'011, 2);
    for (Method const method : {Method::adamax, Method::nadam})
        expect_same_for_any_threads(
            [&](Context& ctx) { return run(ctx, method, Dialect::keras, start); });
}

TEST(AdamFamily, a_captured_update_reads_step_and_rate_when_it_runs)
{
    constexpr std::int64_t kSize = 70;
    auto const trained = [](bool captured) {
        Context ctx = make_context();
        Buffer<float> w(ctx, random_values(kSize, 99)), m(ctx, kSize), v(ctx, kSize),
            dw(ctx, kSize);
        Buffer<float> norm(ctx, 1);
        Buffer<double> rate(ctx, 1), schedule(ctx, 1);
        Buffer<std::int64_t> step(ctx, 1);
        auto const update = [&] {
            clip_by_norm(ctx, {.max_norm = 2, .dw = dw.ref(), .norm = norm.ref()});
            nadam_update(ctx, {.dw = dw.ref(),
                               .learning_rate = rate.ref(),
                               .step = step.ref(),
                               .w = w.ref(),
                               .m = m.ref(),
                               .v = v.ref(),
                               .schedule = schedule.ref()});
        };
        std::unique_ptr<Capture> replayed;
        for (int t = 1; t <= 5; ++t) {
            dw.upload(gradient_at(t, kSize));
            rate.upload(std::vector{rate_at(t)});
            step.upload(std::vector<std::int64_t>{t});
            if (replayed)
                replayed->replay();
            else
                update();
            if (captured && !replayed) replayed = std::make_unique<Capture>(ctx, update);
        }
        return w.download();
    };
    EXPECT_TRUE(same_bits(trained(true), trained(false)));
}

TEST(AdamFamily, refuses_bad_arguments)
{
    Context ctx = make_context();
    Buffer<float> a(ctx, 6), b(ctx, 5);
    Buffer<double> rate(ctx, 1);
    Buffer<std::int64_t> step(ctx, std::vector<std::int64_t>{1});
    auto const refused = [&](auto update, auto const& good, auto change) {
        EXPECT_NO_THROW(update(ctx, good));
        auto bad = good;
        change(bad);
        EXPECT_THROW(update(ctx, bad), Error);
    };
    AdamaxArgs const adamax{.dw = a.ref(),
                            .learning_rate = rate.ref(),
                            .step = step.ref(),
                            .w = a.ref(),
                            .m = a.ref(),
                            .u = a.ref()};
    NadamArgs const nadam{.dw = a.ref(),
                          .learning_rate = rate.ref(),
                          .step = step.ref(),
                          .w = a.ref(),
                          .m = a.ref(),
                          .v = a.ref(),
                          .schedule = rate.ref()};
    auto const refused_by_both = [&](auto change) {
        refused(adamax_update, adamax, change);
        refused(nadam_update, nadam, change);
    };
    refused_by_both([&](auto& g) { g.w = a.ref({2, 3}); });
    refused_by_both([&](auto& g) { g.dw = b.ref(); });
    refused_by_both([&](auto& g) { g.m = b.ref(); });
    refused_by_both([&](auto& g) { g.learning_rate = a.ref(); });
    refused_by_both([&](auto& g) { g.step = rate.ref(); });
    refused_by_both([&](auto& g) { g.beta1 = 1; });
    refused_by_both([&](auto& g) { g.epsilon = 0; });
    refused_by_both([&](auto& g) { g.weight_decay = -1; });
    refused(adamax_update, adamax, [&](auto& g) { g.u = b.ref(); });
    refused(nadam_update, nadam, [&](auto& g) { g.v = b.ref(); });
    refused(nadam_update, nadam, [&](auto& g) { g.schedule = a.ref(); });
    refused(nadam_update, nadam, [&](auto& g) { g.momentum_decay = -1; });
}

TEST(ClipByNorm, scales_only_what_is_too_long)
{
    for (ClipRule const rule : {ClipRule::keras, ClipRule::torch})
        for (std::size_t const n : {0U, 1U, 65U, 5000U}) {
            auto const dw = random_values(n, 3);
            double squares = 0;
            for (float const g : dw)
                squares += static_cast<double>(g) * static_cast<double>(g);
            double const norm = std::sqrt(squares);
            for (double const limit : {0.5 * norm + 1e-3, 2 * norm + 1}) {
                Context ctx = make_context();
                OnDevice<float> g(ctx, dw, {static_cast<std::int64_t>(n)}), length(ctx, {-1}, {1});
                clip_by_norm(
                    ctx, {.max_norm = limit, .rule = rule, .dw = g.ref(), .norm = length.ref()});
                double const over = rule == ClipRule::torch ? norm + 1e-6 : norm;
                std::vector<double> want(dw.begin(), dw.end());
                for (double& v : want)
                    v *= std::min(1.0, limit / over);
                expect_close(g.fetch(), want, 1e-30, 2 * kEps);
                EXPECT_NEAR(length.fetch()[0], norm, kEps * norm);
            }
        }
    auto const dw = random_values(30'000, 4);
    expect_same_for_any_threads([&](Context& ctx) {
        OnDevice<float> g(ctx, dw, {30'000}), length(ctx, {0}, {1});
        clip_by_norm(ctx, {.dw = g.ref(), .norm = length.ref()});
        return g.fetch();
    });
    Context ctx = make_context();
    Buffer<float> a(ctx, 6), one(ctx, 1);
    EXPECT_THROW(clip_by_norm(ctx, {.dw = a.ref({2, 3}), .norm = one.ref()}), Error);
    EXPECT_THROW(clip_by_norm(ctx, {.dw = a.ref(), .norm = a.ref()}), Error);
    EXPECT_THROW(clip_by_norm(ctx, {.max_norm = 0, .dw = a.ref(), .norm = one.ref()}), Error);
}
}  // namespace calofuse::test
