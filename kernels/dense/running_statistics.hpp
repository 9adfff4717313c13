/// \file kernels/dense/running_statistics.hpp
/// Batch-norm statistics for evaluation: the running averages of the frameworks, and statistics
/// recomputed from calibration batches after an epoch. All state lives in tensors, so both work
/// inside a replayed step.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
enum class RunningRule : std::uint8_t {
    keras,  ///< running = momentum * running + (1 - momentum) * batch   (momentum 0.99)
    torch   ///< running = (1 - momentum) * running + momentum * batch   (momentum 0.1)
};
enum class RunningVariance : std::uint8_t {
    biased,   ///< the batch variance as it is (keras)
    unbiased  ///< times N / (N - 1), N > 1 (torch; TensorFlow's fused rank-4 form)
};

struct UpdateRunningArgs {
    TensorRef mean;         ///< (C) f32, of the batch
    TensorRef variance;     ///< (C) f32, of the batch, biased
    std::int64_t rows = 0;  ///< N, rows that the batch statistics were taken over
    RunningRule rule = RunningRule::keras;
    RunningVariance kind = RunningVariance::biased;
    double momentum = 0.99;
    TensorRef running_mean;      ///< (C) f32, updated
    TensorRef running_variance;  ///< (C) f32, updated
};

/// Takes up one calibration batch. After K of them mean = average of the batch means and
/// spread / K = average of (variance + mean^2) - (average mean)^2, kept as a running mean and sum
/// of deviations so that nothing cancels. Zero the three state tensors before the first batch.
struct AccumulateStatisticsArgs {
    TensorRef batch_mean;      ///< (C) f32
    TensorRef batch_variance;  ///< (C) f32, biased
    TensorRef count;           ///< (1) i64, K, updated
    TensorRef mean;            ///< (C) f64, updated
    TensorRef spread;          ///< (C) f64, updated
};

/// running_mean = mean, running_variance = spread / count; nothing is written while count = 0.
struct FinishStatisticsArgs {
    TensorRef count;             ///< (1) i64
    TensorRef mean;              ///< (C) f64
    TensorRef spread;            ///< (C) f64
    TensorRef running_mean;      ///< (C) f32
    TensorRef running_variance;  ///< (C) f32
};

void update_running(Context& ctx, UpdateRunningArgs const& args);
void accumulate_statistics(Context& ctx, AccumulateStatisticsArgs const& args);
void finish_statistics(Context& ctx, FinishStatisticsArgs const& args);
namespace cpu {
void update_running(Context& ctx, UpdateRunningArgs const& args);
void accumulate_statistics(Context& ctx, AccumulateStatisticsArgs const& args);
void finish_statistics(Context& ctx, FinishStatisticsArgs const& args);
}  // namespace cpu
namespace cuda {
void update_running(Context& ctx, UpdateRunningArgs const& args);
void accumulate_statistics(Context& ctx, AccumulateStatisticsArgs const& args);
void finish_statistics(Context& ctx, FinishStatisticsArgs const& args);
}  // namespace cuda
}  // namespace calofuse
