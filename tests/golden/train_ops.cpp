#include "kernels/loss/bce.hpp"
#include "kernels/loss/bce_probability.hpp"
#include "kernels/optim/adam.hpp"
#include "kernels/optim/sgd.hpp"
#include "tests/golden/golden_ops.hpp"

namespace calofuse::test {
namespace {
void golden_bce_probability(GoldenRun const& run)
{
    std::int64_t const count = num_elements(run.golden.shape("in.p"));
    auto const p = run.tensor("in.p", {count});
    auto const target = run.tensor("in.target", {count});
    auto const dloss = run.tensor("grad_out.y");
    auto const loss = run.zeros({1});
    auto const dp = run.zeros({count});
    auto const clip = run.attr("clip").get<double>();
    bce_probability_forward(
        run.ctx, {.p = p.ref(), .target = target.ref(), .clip = clip, .loss = loss.ref()});
    bce_probability_backward(
        run.ctx,
        {.p = p.ref(), .target = target.ref(), .clip = clip, .dloss = dloss.ref(), .dp = dp.ref()});
    run.golden.compare("out.y", loss.fetch());
    run.golden.compare("grad.in.p", dp.fetch());
}
}  // namespace

void golden_loss(GoldenRun const& run)
{
    auto const kind = run.attr("kind").get<std::string>();
    if (kind == "bce_probability" && run.attr("reduction") == "mean")
        return golden_bce_probability(run);
    if (kind != "bce_with_logits")
        GTEST_SKIP() << run.golden.name() << ": no operator for " << kind;
    auto const reduction_name = run.attr("reduction").get<std::string>();
    Reduction const reduction = reduction_name == "mean"  ? Reduction::mean
                                : reduction_name == "sum" ? Reduction::sum
                                                          : Reduction::none;
    nlohmann::json const& attrs = run.golden.attrs();
    std::int64_t const count = num_elements(run.golden.shape("in.logits"));
    bool const weighted = run.golden.has("in.weight");

    auto const logits = run.tensor("in.logits", {count});
    auto const target = run.tensor("in.target", {count});
    auto const weight = weighted ? run.tensor("in.weight", {count}) : run.zeros({count});
    auto const dloss = run.tensor("grad_out.y", {reduction == Reduction::none ? count : 1});
    auto const loss = run.zeros({reduction == Reduction::none ? count : 1});
    auto const dlogits = run.zeros({count});
    TensorRef const weight_ref = weighted ? weight.ref() : TensorRef{};
    bce_forward(run.ctx, {.logits = logits.ref(),
                          .target = target.ref(),
                          .weight = weight_ref,
                          .num_valid = {},
                          .reduction = reduction,
                          .pos_weight = attrs.value("pos_weight", 1.0F),
                          .label_smoothing = attrs.value("label_smoothing", 0.0F),
                          .loss = loss.ref()});
    bce_backward(run.ctx, {.logits = logits.ref(),
                           .target = target.ref(),
                           .weight = weight_ref,
                           .num_valid = {},
                           .reduction = reduction,
                           .pos_weight = attrs.value("pos_weight", 1.0F),
                           .label_smoothing = attrs.value("label_smoothing", 0.0F),
                           .dloss = dloss.ref(),
                           .dlogits = dlogits.ref()});
    run.golden.compare("out.y", loss.fetch());
    run.golden.compare("grad.in.logits", dlogits.fetch());
}

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
    bool const adam = name == "adam" || name == "adamw";
    if (!adam && name != "sgd") GTEST_SKIP() << run.golden.name() << ": no operator for " << name;

    auto const gradients = run.golden.floats("in.gradients");
    auto const rates = run.golden.doubles("in.learning_rate");
    std::int64_t const size = run.golden.shape("param.w")[0];
    auto const w = run.tensor("param.w");
    auto const m = run.zeros({size}), v = run.zeros({size}), vmax = run.zeros({size});
    std::vector<float> trajectory;
    for (std::size_t t = 0; t < rates.size(); ++t) {
        auto const first = gradients.begin() + static_cast<std::ptrdiff_t>(t) * size;
        OnDevice<float> const dw(run.ctx, {first, first + size}, {size});
        OnDevice<double> const rate(run.ctx, {rates[t]}, {1});
        OnDevice<std::int64_t> const step(run.ctx, {static_cast<std::int64_t>(t) + 1}, {1});
        Update const update{dw, rate, step, w, m, v, vmax};
        adam ? update_adam(run, update) : update_sgd(run, update);
        auto const now = w.fetch();
        trajectory.insert(trajectory.end(), now.begin(), now.end());
    }
    run.golden.compare("out.trajectory", trajectory);
}
}  // namespace calofuse::test
