#include "models/layers/norm.hpp"

#include "kernels/dense/batch_norm.hpp"
#include "kernels/dense/layer_norm.hpp"
#include "kernels/dense/running_statistics.hpp"
#include "models/layers/activation.hpp"

namespace calofuse::layers {
BatchNorm::BatchNorm(Parameters& parameters,
                     std::string const& name,
                     std::int64_t channels,
                     NormRule rule_)
    : gamma(parameters.add({name + ".gamma", {channels}, Init::ones}))
    , beta(parameters.add({name + ".beta", {channels}, Init::zeros}))
    , statistics(parameters.add_statistics({name}, channels))
    , rule(rule_)
{}

Var BatchNorm::operator()(Tape& tape, Var x) const
{
    return batch_norm(tape, x, tape.var(gamma), tape.var(beta), statistics, rule);
}

Var batch_norm(
    Tape& tape, Var x, Var gamma, Var beta, StatisticsGroup const& statistics, NormRule const& rule)
{
    std::int64_t const rows = x.value.shape[0], channels = x.value.shape[1];
    Var const y = tape.make({rows, channels});
    BatchStatistics const s = batch_statistics(tape, statistics, channels);
    Statistics const kind = tape.mode() == Mode::evaluate ? Statistics::given : Statistics::batch;
    record(tape, "batch_norm", batch_norm_forward,
           {.x = x.value,
            .gamma = gamma.value,
            .beta = beta.value,
            .statistics = kind,
            .epsilon = rule.epsilon,
            .mean = s.mean,
            .variance = s.variance,
            .y = y.value},
           batch_norm_backward,
           {.x = x.value,
            .gamma = gamma.value,
            .mean = s.mean,
            .variance = s.variance,
            .dy = y.grad,
            .statistics = kind,
            .epsilon = rule.epsilon,
            .dx = x.grad,
            .dgamma = gamma.grad,
            .dbeta = beta.grad});
    record_statistics(tape, statistics, s, rows, rule);
    return y;
}

LayerNormBlock::LayerNormBlock(Parameters& parameters,
                               std::string const& name,
                               std::int64_t width,
                               float dropout_)
    : gamma(parameters.add({name + ".gamma", {width}, Init::ones}))
    , beta(parameters.add({name + ".beta", {width}, Init::zeros}))
    , dropout(dropout_)
{}

Var LayerNormBlock::operator()(Tape& tape, Var x, Var shortcut, TensorRef row_ptr) const
{
    constexpr std::int64_t kBitsPerWord = 16;
    std::int64_t const nodes = x.value.shape[0], width = x.value.shape[1];
    Var const y = tape.make_ragged(row_ptr, nodes, width);
    Var const g = tape.var(gamma), b = tape.var(beta);
    LayerNormOptions const options{.activation = LayerNormActivation::elu,
                                   .dropout = next_dropout(tape, dropout)};
    TensorRef const saved = tape.make_value(DType::f32, {nodes, 2});
    TensorRef kept;
    if (options.dropout.rate > 0)
        kept = tape.make_value(DType::u16, {nodes, (width + kBitsPerWord - 1) / kBitsPerWord});
    record(tape, "layer_norm", layer_norm_forward,
           {.x = x.value,
            .gamma = g.value,
            .beta = b.value,
            .shortcut = shortcut.value,
            .row_ptr = row_ptr,
            .options = options,
            .saved = saved,
            .kept = kept,
            .y = y.value},
           layer_norm_backward,
           {.x = x.value,
            .gamma = g.value,
            .beta = b.value,
            .row_ptr = row_ptr,
            .options = options,
            .saved = saved,
            .kept = kept,
            .dy = y.grad,
            .dx = x.grad,
            .dgamma = g.grad,
            .dbeta = b.grad,
            .dshortcut = shortcut.grad});
    return y;
}

BatchStatistics batch_statistics(Tape& tape,
                                 StatisticsGroup const& statistics,
                                 std::int64_t channels)
{
    Parameters const& parameters = tape.parameters();
    if (tape.mode() == Mode::evaluate)
        return {parameters.state(statistics.mean), parameters.state(statistics.variance)};
    return {tape.make_value(DType::f32, {channels}), tape.make_value(DType::f32, {channels})};
}

void record_statistics(Tape& tape,
                       StatisticsGroup const& statistics,
                       BatchStatistics const& batch,
                       std::int64_t rows,
                       NormRule const& rule)
{
    Parameters const& parameters = tape.parameters();
    if (tape.mode() == Mode::calibrate) {
        StatisticsAccumulator const sums = parameters.accumulator(statistics);
        record(tape, "batch_norm statistics", accumulate_statistics,
               {.batch_mean = batch.mean,
                .batch_variance = batch.variance,
                .count = sums.count,
                .mean = sums.mean,
                .spread = sums.spread});
    }
    if (tape.mode() == Mode::train && rule.running)
        record(tape, "batch_norm statistics", update_running,
               {.mean = batch.mean,
                .variance = batch.variance,
                .rows = rows,
                .rule = RunningRule::keras,
                .kind = RunningVariance::biased,
                .momentum = rule.momentum,
                .running_mean = parameters.state(statistics.mean),
                .running_variance = parameters.state(statistics.variance)});
}
}  // namespace calofuse::layers
