#include "models/layers/dense.hpp"

#include "kernels/dense/dropout.hpp"
#include "kernels/dense/gather_rows.hpp"
#include "kernels/dense/running_statistics.hpp"
#include "models/layers/statistics.hpp"

namespace calofuse::layers {
Var linear(Tape& tape,
           Parameters const& parameters,
           Var x,
           LinearWeights const& weights,
           bool has_bias,
           TensorRef row_ptr)
{
    std::int64_t const groups = weights.groups.count == 0 ? 1 : weights.groups.count;
    std::int64_t const rows = x.value.shape[0], columns = groups * weights.out;
    Var const y =
        row_ptr.empty() ? tape.make({rows, columns}) : tape.make_ragged(row_ptr, rows, columns);
    Var const w = parameters.var(weights.kernel);
    Var const b = has_bias ? parameters.var(weights.bias) : Var{};
    LinearGroups const g = weights.groups;
    Context* const ctx = &tape.ctx();
    tape.record(
        "linear",
        [=] {
            calofuse::linear(*ctx, {.x = x.value,
                                    .w = w.value,
                                    .b = b.value,
                                    .groups = g,
                                    .row_ptr = row_ptr,
                                    .y = y.value});
        },
        [=] {
            linear_backward(*ctx, {.x = x.value,
                                   .w = w.value,
                                   .dy = y.grad,
                                   .groups = g,
                                   .row_ptr = row_ptr,
                                   .dx = x.grad,
                                   .dw = w.grad,
                                   .db = b.grad});
        });
    return y;
}

Var batch_norm(Tape& tape,
               Parameters const& parameters,
               Var x,
               Var gamma,
               Var beta,
               StatisticsGroup const& statistics,
               NormRule const& rule)
{
    Var const y = tape.make({x.value.shape[0], x.value.shape[1]});
    BatchStatistics const s = batch_statistics(tape, parameters, statistics, x.value.shape[1]);
    Statistics const kind = tape.mode() == Mode::evaluate ? Statistics::given : Statistics::batch;
    float const epsilon = rule.epsilon;
    Context* const ctx = &tape.ctx();
    tape.record(
        "batch_norm",
        [=] {
            batch_norm_forward(*ctx, {.x = x.value,
                                      .gamma = gamma.value,
                                      .beta = beta.value,
                                      .statistics = kind,
                                      .epsilon = epsilon,
                                      .mean = s.mean,
                                      .variance = s.variance,
                                      .y = y.value});
        },
        [=] {
            batch_norm_backward(*ctx, {.x = x.value,
                                       .gamma = gamma.value,
                                       .mean = s.mean,
                                       .variance = s.variance,
                                       .dy = y.grad,
                                       .statistics = kind,
                                       .epsilon = epsilon,
                                       .dx = x.grad,
                                       .dgamma = gamma.grad,
                                       .dbeta = beta.grad});
        });
    record_statistics(tape, parameters, statistics, s, x.value.shape[0], rule);
    return y;
}

Var activation(Tape& tape, Var x, Activation kind, float parameter)
{
    Var y = tape.make({x.value.size()});
    y.value.shape = x.value.shape;
    y.value.rank = x.value.rank;
    if (!y.grad.empty()) {
        y.grad.shape = x.value.shape;
        y.grad.rank = x.value.rank;
    }
    TensorRef const saved = backward_reads_input(kind) ? x.value : y.value;
    Context* const ctx = &tape.ctx();
    tape.record(
        "activation",
        [=] {
            activation_forward(*ctx,
                               {.x = x.value, .kind = kind, .parameter = parameter, .y = y.value});
        },
        [=] {
            activation_backward(
                *ctx,
                {.saved = saved, .dy = y.grad, .kind = kind, .parameter = parameter, .dx = x.grad});
        });
    return y;
}

Var dropout(Tape& tape, Var x, DropoutLayer const& layer)
{
    if (tape.mode() != Mode::train || layer.rate == 0.0F) return x;
    Var const y = tape.make({x.value.shape[0], x.value.shape[1]});
    TensorRef const step = tape.step();
    Context* const ctx = &tape.ctx();
    tape.record(
        "dropout",
        [=] {
            dropout_forward(*ctx, {.x = x.value,
                                   .step = step,
                                   .seed = layer.seed,
                                   .stream = layer.stream(),
                                   .rate = layer.rate,
                                   .y = y.value});
        },
        [=] {
            dropout_backward(*ctx, {.dy = y.grad,
                                    .step = step,
                                    .seed = layer.seed,
                                    .stream = layer.stream(),
                                    .rate = layer.rate,
                                    .dx = x.grad});
        });
    return y;
}

Var gather_rows(Tape& tape, Var x, TensorRef index)
{
    Var const y = tape.make({index.shape[0], x.value.shape[1]});
    Context* const ctx = &tape.ctx();
    tape.record(
        "gather_rows",
        [=] { gather_rows_forward(*ctx, {.x = x.value, .index = index, .y = y.value}); },
        [=] { gather_rows_backward(*ctx, {.dy = y.grad, .index = index, .dx = x.grad}); });
    return y;
}
}  // namespace calofuse::layers
