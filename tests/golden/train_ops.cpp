#include <map>

#include "kernels/optim/adam.hpp"
#include "kernels/optim/adamax.hpp"
#include "kernels/optim/clip.hpp"
#include "kernels/optim/nadam.hpp"
#include "kernels/optim/sgd.hpp"
#include "tests/golden/golden_ops.hpp"

namespace calofuse::test {
namespace {
/// Device values of one update, and how to make it.
struct Update {
    OnDevice<float> const& dw;
    OnDevice<double> const& learning_rate;
    OnDevice<std::int64_t> const& step;
    OnDevice<float> const& w;
    OnDevice<float> const& m;
    OnDevice<float> const& v;
    OnDevice<float> const& vmax;
    OnDevice<double> const& schedule;
};

void update_adam(GoldenRun const& run, Update const& u)
{
    nlohmann::json const& attrs = run.golden.attrs();
    bool const decoupled =
        !run.is_torch() || attrs.at("name") == "adamw" || attrs.value("decoupled", false);
    adam_update(run.ctx, {.dw = u.dw.ref(),
                          .learning_rate = u.learning_rate.ref(),
                          .step = u.step.ref(),
                          .rule = run.is_torch() ? AdamRule::torch : AdamRule::keras,
                          .beta1 = attrs.at("beta1").get<double>(),
                          .beta2 = attrs.at("beta2").get<double>(),
                          .epsilon = attrs.at("epsilon").get<double>(),
                          .weight_decay = attrs.at("weight_decay").get<double>(),
                          .decay = decoupled ? WeightDecay::decoupled : WeightDecay::coupled,
                          .w = u.w.ref(),
                          .m = u.m.ref(),
                          .v = u.v.ref(),
                          .vmax = attrs.at("amsgrad").get<bool>() ? u.vmax.ref() : TensorRef{}});
}

void update_adamax(GoldenRun const& run, Update const& u)
{
    nlohmann::json const& attrs = run.golden.attrs();
    adamax_update(run.ctx, {.dw = u.dw.ref(),
                            .learning_rate = u.learning_rate.ref(),
                            .step = u.step.ref(),
                            .rule = run.is_torch() ? AdamaxRule::torch : AdamaxRule::keras,
                            .beta1 = attrs.at("beta1").get<double>(),
                            .beta2 = attrs.at("beta2").get<double>(),
                            .epsilon = attrs.at("epsilon").get<double>(),
                            .weight_decay = attrs.at("weight_decay").get<double>(),
                            .w = u.w.ref(),
                            .m = u.m.ref(),
                            .u = u.v.ref()});
}

void update_nadam(GoldenRun const& run, Update const& u)
{
    nlohmann::json const& attrs = run.golden.attrs();
    if (attrs.contains("clipnorm")) {
        auto const norm = run.zeros({1});
        clip_by_norm(
            run.ctx,
            {.max_norm = attrs.at("clipnorm").get<double>(), .dw = u.dw.ref(), .norm = norm.ref()});
    }
    nadam_update(run.ctx, {.dw = u.dw.ref(),
                           .learning_rate = u.learning_rate.ref(),
                           .step = u.step.ref(),
                           .rule = run.is_torch() ? NadamRule::torch : NadamRule::keras,
                           .beta1 = attrs.at("beta1").get<double>(),
                           .beta2 = attrs.at("beta2").get<double>(),
                           .epsilon = attrs.at("epsilon").get<double>(),
                           .momentum_decay = attrs.value("momentum_decay", 1.0),
                           .weight_decay = attrs.at("weight_decay").get<double>(),
                           .w = u.w.ref(),
                           .m = u.m.ref(),
                           .v = u.v.ref(),
                           .schedule = u.schedule.ref()});
}

void update_sgd(GoldenRun const& run, Update const& u)
{
    nlohmann::json const& attrs = run.golden.attrs();
    sgd_update(run.ctx,
               {.dw = u.dw.ref(),
                .learning_rate = u.learning_rate.ref(),
                .rule = run.is_torch() ? SgdRule::torch : SgdRule::keras,
                .kind = attrs.at("nesterov").get<bool>() ? Momentum::nesterov : Momentum::plain,
                .momentum = attrs.at("momentum").get<double>(),
                .weight_decay = attrs.at("weight_decay").get<double>(),
                .w = u.w.ref(),
                .m = u.m.ref()});
}
}  // namespace

void golden_optimizer(GoldenRun const& run)
{
    auto const name = run.attr("name").get<std::string>();
    using Rule = void (*)(GoldenRun const&, Update const&);
    std::map<std::string, Rule> const rules{{"adam", update_adam},
                                            {"adamw", update_adam},
                                            {"adamax", update_adamax},
                                            {"nadam", update_nadam},
                                            {"sgd", update_sgd}};
    if (rules.count(name) == 0) GTEST_SKIP() << run.golden.name() << ": no operator for " << name;

    auto const gradients = run.golden.floats("in.gradients");
    auto const rates = run.golden.doubles("in.learning_rate");
    std::int64_t const size = run.golden.shape("param.w")[0];
    auto const w = run.tensor("param.w");
    auto const m = run.zeros({size}), v = run.zeros({size}), vmax = run.zeros({size});
    OnDevice<double> const schedule(run.ctx, {0}, {1});
    std::vector<float> trajectory;
    for (std::size_t t = 0; t < rates.size(); ++t) {
        auto const first = gradients.begin() + static_cast<std::ptrdiff_t>(t) * size;
        OnDevice<float> const dw(run.ctx, {first, first + size}, {size});
        OnDevice<double> const rate(run.ctx, {rates[t]}, {1});
        OnDevice<std::int64_t> const step(run.ctx, {static_cast<std::int64_t>(t) + 1}, {1});
        rules.at(name)(run, {dw, rate, step, w, m, v, vmax, schedule});
        auto const now = w.fetch();
        trajectory.insert(trajectory.end(), now.begin(), now.end());
    }
    run.golden.compare("out.trajectory", trajectory);
}
}  // namespace calofuse::test
