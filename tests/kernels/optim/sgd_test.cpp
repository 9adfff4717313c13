#include "kernels/optim/sgd.hpp"

#include "runtime/buffer.hpp"
#include "tests/support/backend_test.hpp"
#include "tests/support/same_bits.hpp"

namespace calofuse::test {
namespace {
constexpr int kSteps = 30;

struct Rule {
    SgdRule rule = SgdRule::keras;
    Momentum kind = Momentum::plain;
    double momentum = 0, weight_decay = 0;
};

std::vector<float> gradient_at(int t, std::size_t n)
{
    return random_values(n, static_cast<std::uint32_t>(t), -1, 1);
}
double rate_at(int t)
{
    return t < 15 ? 0.1 : 0.01;  // the two rules part where the rate changes
}

/// The update as the header writes it, in double.
std::vector<double> oracle(Rule const& r, std::vector<float> const& start)
{
    std::vector<double> w(start.begin(), start.end()), m(w.size());
    for (int t = 0; t < kSteps; ++t) {
        auto const dw = gradient_at(t, w.size());
        double const lr = rate_at(t), mu = r.momentum, d = r.weight_decay;
        for (std::size_t i = 0; i < w.size(); ++i) {
            auto g = static_cast<double>(dw[i]);
            if (r.rule == SgdRule::keras) {
                w[i] -= lr * d * w[i];
                m[i] = mu * m[i] - lr * g;
                w[i] += r.kind == Momentum::nesterov ? mu * m[i] - lr * g : m[i];
            } else {
                g += d * w[i];
                m[i] = mu * m[i] + g;
                w[i] -= lr * (r.kind == Momentum::nesterov ? g + mu * m[i] : m[i]);
            }
        }
    }
    return w;
}

std::vector<float> run(Context& ctx, Rule const& r, std::vector<float> const& start)
{
    auto const n = static_cast<std::int64_t>(start.size());
    OnDevice<float> w(ctx, start, {n}), m(ctx, std::vector<float>(start.size()), {n});
    for (int t = 0; t < kSteps; ++t) {
        OnDevice<float> dw(ctx, gradient_at(t, start.size()), {n});
        OnDevice<double> rate(ctx, {rate_at(t)}, {1});
        sgd_update(ctx, {.dw = dw.ref(),
                         .learning_rate = rate.ref(),
                         .rule = r.rule,
                         .kind = r.kind,
                         .momentum = r.momentum,
                         .weight_decay = r.weight_decay,
                         .w = w.ref(),
                         .m = r.momentum > 0 ? m.ref() : TensorRef{}});
    }
    return w.fetch();
}
}  // namespace

TEST(Sgd, trajectory_agrees_with_oracle)
{
    for (std::size_t const n : {0U, 1U, 63U, 64U, 65U})
        for (SgdRule const rule : {SgdRule::keras, SgdRule::torch})
            for (Rule const& r :
                 {Rule{rule}, Rule{rule, Momentum::plain, 0, 0.1},
                  Rule{rule, Momentum::plain, 0.9, 0}, Rule{rule, Momentum::plain, 0.9, 0.1},
                  Rule{rule, Momentum::nesterov, 0.6, 0.1}}) {
                Context ctx = make_context();
                auto const start = random_values(n, 99, -1, 1);
                // 30 updates of up to 1, each rounded to eps.
                expect_close(run(ctx, r, start), oracle(r, start), 1e-5, 0);
            }
}

TEST(Sgd, same_bits_for_any_number_of_threads)
{
    auto const start = random_values(20'011, 2);
    expect_same_for_any_threads([&](Context& ctx) {
        return run(ctx, {SgdRule::torch, Momentum::nesterov, 0.9, 0.01}, start);
    });
}

TEST(Sgd, refuses_bad_arguments)
{
    Context ctx = make_context();
    Buffer<float> a(ctx, 6), b(ctx, 5);
    Buffer<double> rate(ctx, 1);
    SgdArgs const good{.dw = a.ref(), .learning_rate = rate.ref(), .w = a.ref(), .m = a.ref()};
    EXPECT_NO_THROW(sgd_update(ctx, good));
    auto const refused = [&](auto change) {
        SgdArgs bad = good;
        change(bad);
        EXPECT_THROW(sgd_update(ctx, bad), Error);
    };
    refused([&](auto& g) { g.w = a.ref({2, 3}); });
    refused([&](auto& g) { g.dw = b.ref(); });
    refused([&](auto& g) { g.m = b.ref(); });
    refused([&](auto& g) {
        g.m = {};
        g.momentum = 0.9;
    });
    refused([&](auto& g) { g.learning_rate = a.ref(); });
    refused([&](auto& g) { g.momentum = 1; });
    refused([&](auto& g) { g.weight_decay = -1; });
}
}  // namespace calofuse::test
