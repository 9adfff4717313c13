#include "kernels/dense/activation.hpp"
#include "kernels/dense/batch_norm.hpp"
#include "kernels/dense/linear.hpp"
#include "kernels/dense/running_statistics.hpp"
#include "kernels/dense/softmax.hpp"
#include "tests/golden/golden_ops.hpp"

namespace calofuse::test {
namespace {
Activation activation_of(std::string const& kind)
{
    static std::map<std::string, Activation> const kKinds = {{"relu", Activation::relu},
                                                             {"leaky_relu", Activation::leaky_relu},
                                                             {"elu", Activation::elu},
                                                             {"gelu_exact", Activation::gelu_exact},
                                                             {"gelu_tanh", Activation::gelu_tanh},
                                                             {"tanh", Activation::tanh},
                                                             {"sigmoid", Activation::sigmoid},
                                                             {"softplus", Activation::softplus}};
    return kKinds.at(kind);
}

void golden_softmax(GoldenRun const& run, SoftmaxKind kind)
{
    auto const x = run.tensor("in.x");
    auto const dy = run.tensor("grad_out.y");
    auto const y = run.zeros(run.golden.shape("in.x"));
    auto const dx = run.zeros(run.golden.shape("in.x"));
    softmax_forward(run.ctx, {.x = x.ref(), .kind = kind, .y = y.ref()});
    softmax_backward(run.ctx, {.y = y.ref(), .dy = dy.ref(), .kind = kind, .dx = dx.ref()});
    run.golden.compare("out.y", y.fetch());
    run.golden.compare("grad.in.x", dx.fetch());
}
}  // namespace

void golden_activation(GoldenRun const& run)
{
    auto const kind_name = run.attr("kind").get<std::string>();
    if (kind_name == "softmax") return golden_softmax(run, SoftmaxKind::softmax);
    if (kind_name == "log_softmax") return golden_softmax(run, SoftmaxKind::log_softmax);

    Activation const kind = activation_of(kind_name);
    char const* const parameter_name = kind == Activation::elu ? "alpha" : "slope";
    float const parameter = run.golden.attrs().value(parameter_name, 0.0F);
    auto const x = run.tensor("in.x");
    auto const dy = run.tensor("grad_out.y");
    auto const y = run.zeros(run.golden.shape("in.x"));
    auto const dx = run.zeros(run.golden.shape("in.x"));
    activation_forward(run.ctx, {.x = x.ref(), .kind = kind, .parameter = parameter, .y = y.ref()});
    activation_backward(run.ctx, {.saved = backward_reads_input(kind) ? x.ref() : y.ref(),
                                  .dy = dy.ref(),
                                  .kind = kind,
                                  .parameter = parameter,
                                  .dx = dx.ref()});
    run.golden.compare("out.y", y.fetch());
    run.golden.compare("grad.in.x", dx.fetch());
}

void golden_dense(GoldenRun const& run)
{
    std::string const weight = run.is_torch() ? "weight" : "kernel";
    Reordered const w_file(
        run, "param." + weight,
        run.is_torch() ? std::vector<std::size_t>{1, 0} : std::vector<std::size_t>{});
    std::int64_t const inputs = w_file.shape()[0];
    std::int64_t const outputs = w_file.shape()[1];
    std::int64_t const rows = num_elements(run.golden.shape("in.x")) / inputs;
    bool const has_bias = run.golden.has("param.bias");

    auto const x = run.tensor("in.x", {rows, inputs});
    auto const w = w_file.load();
    auto const bias = has_bias ? run.tensor("param.bias") : run.zeros({outputs});
    auto const y = run.zeros({rows, outputs});
    LinearArgs const forward{.x = x.ref(),
                             .w = w.ref(),
                             .b = has_bias ? bias.ref() : TensorRef{},
                             .groups = {},
                             .y = y.ref()};
    linear_forward(run.ctx, forward);

    auto const dy = run.tensor("grad_out.y", {rows, outputs});
    auto const dz = run.zeros({rows, outputs});
    auto const activation = run.attr("activation").get<std::string>();
    if (activation != "none") {
        Activation const kind = activation_of(activation);
        activation_forward(run.ctx, {.x = y.ref(), .kind = kind, .y = y.ref()});
        activation_backward(run.ctx,
                            {.saved = y.ref(), .dy = dy.ref(), .kind = kind, .dx = dz.ref()});
    }
    auto const dx = run.zeros({rows, inputs});
    auto const dw = run.zeros(w_file.shape());
    auto const db = run.zeros({outputs});
    linear_backward(run.ctx, {.x = x.ref(),
                              .w = w.ref(),
                              .dy = activation == "none" ? dy.ref() : dz.ref(),
                              .groups = {},
                              .dx = dx.ref(),
                              .dw = dw.ref(),
                              .db = has_bias ? db.ref() : TensorRef{}});
    run.golden.compare("out.y", y.fetch());
    run.golden.compare("grad.in.x", dx.fetch());
    run.golden.compare("grad.param." + weight, w_file.stored(dw.fetch()));
    if (has_bias) run.golden.compare("grad.param.bias", db.fetch());
}

void golden_batch_norm(GoldenRun const& run)
{
    std::string const gamma_key = run.is_torch() ? "weight" : "gamma";
    std::string const beta_key = run.is_torch() ? "bias" : "beta";
    std::string const mean_key = run.is_torch() ? "running_mean" : "moving_mean";
    std::string const variance_key = run.is_torch() ? "running_var" : "moving_variance";
    std::vector<std::size_t> channels_last;
    if (run.is_torch()) {  // (B, C, ...) -> (B, ..., C)
        for (std::size_t d = 0; d < run.golden.shape("in.x").size(); ++d)
            if (d != 1) channels_last.push_back(d);
        channels_last.push_back(1);
    }
    Reordered const x_file(run, "in.x", channels_last);
    std::int64_t const channels = x_file.shape().back();
    std::int64_t const rows = num_elements(x_file.shape()) / channels;
    bool const training = run.attr("training").get<bool>();
    auto const epsilon = run.attr("epsilon").get<float>();
    Statistics const statistics = training ? Statistics::batch : Statistics::given;

    auto const x = x_file.load();
    auto const gamma = run.tensor("param." + gamma_key);
    auto const beta = run.tensor("param." + beta_key);
    auto const running_mean = run.tensor("state." + mean_key);
    auto const running_variance = run.tensor("state." + variance_key);
    auto const batch_mean = run.zeros({channels});
    auto const batch_variance = run.zeros({channels});
    auto const y = run.zeros(x_file.shape());
    TensorRef const x_rows = x.ref().reshaped({rows, channels});
    TensorRef const mean = training ? batch_mean.ref() : running_mean.ref();
    TensorRef const variance = training ? batch_variance.ref() : running_variance.ref();
    batch_norm_forward(run.ctx, {.x = x_rows,
                                 .gamma = gamma.ref(),
                                 .beta = beta.ref(),
                                 .statistics = statistics,
                                 .epsilon = epsilon,
                                 .mean = mean,
                                 .variance = variance,
                                 .y = y.ref().reshaped({rows, channels})});
    run.golden.compare("out.y", x_file.stored(y.fetch()));

    if (run.golden.has("grad_out.y")) {
        auto const dy = Reordered(run, "grad_out.y", channels_last).load();
        auto const dx = run.zeros(x_file.shape());
        auto const dgamma = run.zeros({channels});
        auto const dbeta = run.zeros({channels});
        batch_norm_backward(run.ctx, {.x = x_rows,
                                      .gamma = gamma.ref(),
                                      .mean = mean,
                                      .variance = variance,
                                      .dy = dy.ref().reshaped({rows, channels}),
                                      .statistics = statistics,
                                      .epsilon = epsilon,
                                      .dx = dx.ref().reshaped({rows, channels}),
                                      .dgamma = dgamma.ref(),
                                      .dbeta = dbeta.ref()});
        run.golden.compare("grad.in.x", x_file.stored(dx.fetch()));
        run.golden.compare("grad.param." + gamma_key, dgamma.fetch());
        run.golden.compare("grad.param." + beta_key, dbeta.fetch());
    }
    if (training) {
        bool const unbiased = run.attr("unbiased_running").get<bool>();
        update_running(run.ctx,
                       {.mean = batch_mean.ref(),
                        .variance = batch_variance.ref(),
                        .rows = rows,
                        .rule = run.is_torch() ? RunningRule::torch : RunningRule::keras,
                        .kind = unbiased ? RunningVariance::unbiased : RunningVariance::biased,
                        .momentum = run.attr("momentum").get<double>(),
                        .running_mean = running_mean.ref(),
                        .running_variance = running_variance.ref()});
        run.golden.compare("state_after." + mean_key, running_mean.fetch());
        run.golden.compare("state_after." + variance_key, running_variance.fetch());
    }
}
}  // namespace calofuse::test
