#include <map>

#include "kernels/loss/bce.hpp"
#include "kernels/loss/bce_probability.hpp"
#include "kernels/loss/cross_entropy.hpp"
#include "kernels/loss/gce.hpp"
#include "kernels/loss/regression.hpp"
#include "tests/golden/golden_ops.hpp"

namespace calofuse::test {
namespace {
Reduction reduction_of(GoldenRun const& run)
{
    auto const name = run.attr("reduction").get<std::string>();
    return name == "mean" ? Reduction::mean : name == "sum" ? Reduction::sum : Reduction::none;
}

void golden_bce_probability(GoldenRun const& run)
{
    std::int64_t const count = num_elements(run.golden.shape("in.p"));
    auto const x = run.tensor("in.p", {count});
    auto const target = run.tensor("in.target", {count});
    auto const dloss = run.tensor("grad_out.y");
    auto const loss = run.zeros({1});
    auto const dx = run.zeros({count});
    auto const clip = run.attr("clip").get<double>();
    bce_probability_forward(
        run.ctx, {.x = x.ref(), .target = target.ref(), .clip = clip, .loss = loss.ref()});
    bce_probability_backward(
        run.ctx,
        {.x = x.ref(), .target = target.ref(), .clip = clip, .dloss = dloss.ref(), .dx = dx.ref()});
    run.golden.compare("out.y", loss.fetch());
    run.golden.compare("grad.in.p", dx.fetch());
}

void golden_bce_with_logits(GoldenRun const& run)
{
    Reduction const reduction = reduction_of(run);
    nlohmann::json const& attrs = run.golden.attrs();
    std::int64_t const count = num_elements(run.golden.shape("in.logits"));
    bool const weighted = run.golden.has("in.weight");

    auto const x = run.tensor("in.logits", {count});
    auto const target = run.tensor("in.target", {count});
    auto const weight = weighted ? run.tensor("in.weight", {count}) : run.zeros({count});
    auto const dloss = run.tensor("grad_out.y", {reduction == Reduction::none ? count : 1});
    auto const loss = run.zeros({reduction == Reduction::none ? count : 1});
    auto const dx = run.zeros({count});
    TensorRef const weight_ref = weighted ? weight.ref() : TensorRef{};
    bce_forward(run.ctx, {.x = x.ref(),
                          .target = target.ref(),
                          .weight = weight_ref,
                          .reduction = reduction,
                          .pos_weight = attrs.value("pos_weight", 1.0F),
                          .label_smoothing = attrs.value("label_smoothing", 0.0F),
                          .loss = loss.ref()});
    bce_backward(run.ctx, {.x = x.ref(),
                           .target = target.ref(),
                           .weight = weight_ref,
                           .reduction = reduction,
                           .pos_weight = attrs.value("pos_weight", 1.0F),
                           .label_smoothing = attrs.value("label_smoothing", 0.0F),
                           .dloss = dloss.ref(),
                           .dx = dx.ref()});
    run.golden.compare("out.y", loss.fetch());
    run.golden.compare("grad.in.logits", dx.fetch());
}

void golden_cross_entropy(GoldenRun const& run)
{
    auto const shape = run.golden.shape("in.logits");
    nlohmann::json const& attrs = run.golden.attrs();
    auto const rule = attrs.at("smoothing_rule").get<std::string>();
    bool const others = rule.find("s/(C-1)") != std::string::npos;
    bool const weighted = run.golden.has("in.weight");
    bool const class_weighted = run.golden.has("in.class_weight");
    auto const x = run.tensor("in.logits");
    auto const weight = weighted ? run.tensor("in.weight") : run.zeros({1});
    auto const class_weight = class_weighted ? run.tensor("in.class_weight") : run.zeros({1});
    OnDevice<std::int32_t> const target(run.ctx, run.golden.ints("in.target"), {shape[0]});
    auto const dloss = run.tensor("grad_out.y");
    auto const loss = run.zeros(run.golden.shape("out.y"));
    auto const dx = run.zeros(shape);
    CrossEntropyArgs const args{.x = x.ref(),
                                .target = target.ref(),
                                .weight = weighted ? weight.ref() : TensorRef{},
                                .class_weight = class_weighted ? class_weight.ref() : TensorRef{},
                                .reduction = reduction_of(run),
                                .label_smoothing = attrs.at("label_smoothing").get<float>(),
                                .smoothing = others ? Smoothing::others : Smoothing::uniform,
                                .loss = loss.ref()};
    cross_entropy_forward(run.ctx, args);
    cross_entropy_backward(run.ctx, {.x = args.x,
                                     .target = args.target,
                                     .weight = args.weight,
                                     .class_weight = args.class_weight,
                                     .reduction = args.reduction,
                                     .label_smoothing = args.label_smoothing,
                                     .smoothing = args.smoothing,
                                     .dloss = dloss.ref(),
                                     .dx = dx.ref()});
    run.golden.compare("out.y", loss.fetch());
    run.golden.compare("grad.in.logits", dx.fetch());
}

/// Targets as class numbers: binary cases store them as 0.0 and 1.0.
std::vector<std::int32_t> target_classes(GoldenRun const& run, std::int64_t classes)
{
    if (classes > 1) return run.golden.ints("in.target");
    std::vector<std::int32_t> out;
    for (float const t : run.golden.floats("in.target"))
        out.push_back(t > 0.5F ? 1 : 0);
    return out;
}

void golden_gce(GoldenRun const& run)
{
    auto const shape = run.golden.shape("in.logits");
    bool const weighted = run.golden.has("in.weight");
    auto const x = run.tensor("in.logits");
    auto const weight = weighted ? run.tensor("in.weight", {shape[0]}) : run.zeros({1});
    OnDevice<std::int32_t> const target(run.ctx, target_classes(run, shape[1]), {shape[0]});
    auto const dloss = run.tensor("grad_out.y");
    auto const loss = run.zeros({1});
    auto const dx = run.zeros(shape);
    GceArgs const args{.x = x.ref(),
                       .target = target.ref(),
                       .weight = weighted ? weight.ref() : TensorRef{},
                       .reduction = reduction_of(run),
                       .q = run.attr("q").get<float>(),
                       .loss = loss.ref()};
    gce_forward(run.ctx, args);
    gce_backward(run.ctx, {.x = args.x,
                           .target = args.target,
                           .weight = args.weight,
                           .reduction = args.reduction,
                           .q = args.q,
                           .dloss = dloss.ref(),
                           .dx = dx.ref()});
    run.golden.compare("out.y", loss.fetch());
    run.golden.compare("grad.in.logits", dx.fetch());
}

void golden_regression(GoldenRun const& run)
{
    auto const shape = run.golden.shape("in.prediction");
    bool const weighted = run.golden.has("in.weight");
    auto const x = run.tensor("in.prediction"), target = run.tensor("in.target");
    auto const weight = weighted ? run.tensor("in.weight") : run.zeros({1});
    auto const dloss = run.tensor("grad_out.y");
    auto const loss = run.zeros({1});
    auto const dx = run.zeros(shape);
    RegressionLossArgs const args{
        .x = x.ref(),
        .target = target.ref(),
        .weight = weighted ? weight.ref() : TensorRef{},
        .kind = run.attr("kind") == "mse" ? Residual::squared : Residual::huber,
        .reduction = reduction_of(run),
        .delta = run.golden.attrs().value("delta", 1.0F),
        .loss = loss.ref()};
    regression_loss_forward(run.ctx, args);
    regression_loss_backward(run.ctx, {.x = args.x,
                                       .target = args.target,
                                       .weight = args.weight,
                                       .kind = args.kind,
                                       .reduction = args.reduction,
                                       .delta = args.delta,
                                       .dloss = dloss.ref(),
                                       .dx = dx.ref()});
    run.golden.compare("out.y", loss.fetch());
    run.golden.compare("grad.in.prediction", dx.fetch());
}
}  // namespace

void golden_loss(GoldenRun const& run)
{
    using Handler = void (*)(GoldenRun const&);
    std::map<std::string, Handler> const handlers{{"bce_with_logits", golden_bce_with_logits},
                                                  {"bce_probability", golden_bce_probability},
                                                  {"softmax_cross_entropy", golden_cross_entropy},
                                                  {"generalised_cross_entropy", golden_gce},
                                                  {"mse", golden_regression},
                                                  {"huber", golden_regression}};
    auto const kind = run.attr("kind").get<std::string>();
    if (handlers.count(kind) == 0)
        GTEST_SKIP() << run.golden.name() << ": no operator for " << kind;
    handlers.at(kind)(run);
}
}  // namespace calofuse::test
