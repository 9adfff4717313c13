#include "models/layers/statistics.hpp"

#include "kernels/dense/running_statistics.hpp"

namespace calofuse::layers {
BatchStatistics batch_statistics(Tape& tape,
                                 Parameters const& parameters,
                                 StatisticsGroup const& statistics,
                                 std::int64_t channels)
{
    if (tape.mode() == Mode::evaluate)
        return {parameters.state(statistics.mean), parameters.state(statistics.variance)};
    return {tape.make_value(DType::f32, {channels}), tape.make_value(DType::f32, {channels})};
}

void record_statistics(Tape& tape,
                       Parameters const& parameters,
                       StatisticsGroup const& statistics,
                       BatchStatistics const& batch,
                       std::int64_t rows,
                       NormRule const& rule)
{
    Context* const ctx = &tape.ctx();
    if (tape.mode() == Mode::calibrate) {
        StatisticsAccumulator const sums = parameters.accumulator(statistics);
        tape.record("batch_norm statistics", [=] {
            accumulate_statistics(*ctx, {.batch_mean = batch.mean,
                                         .batch_variance = batch.variance,
                                         .count = sums.count,
                                         .mean = sums.mean,
                                         .spread = sums.spread});
        });
    }
    if (tape.mode() == Mode::train && rule.running) {
        TensorRef const mean = parameters.state(statistics.mean);
        TensorRef const variance = parameters.state(statistics.variance);
        double const momentum = rule.momentum;
        tape.record("batch_norm statistics", [=] {
            update_running(*ctx, {.mean = batch.mean,
                                  .variance = batch.variance,
                                  .rows = rows,
                                  .rule = RunningRule::keras,
                                  .kind = RunningVariance::biased,
                                  .momentum = momentum,
                                  .running_mean = mean,
                                  .running_variance = variance});
        });
    }
}
}  // namespace calofuse::layers
