#include "kernels/dense/running_statistics.hpp"

#include "kernels/check.hpp"

namespace calofuse {
void update_running(Context& ctx, UpdateRunningArgs const& args)
{
    check_tensor(args.mean, DType::f32, {args.mean.shape[0]}, "mean");
    check_like(args.variance, args.mean, "variance", "mean");
    check_like(args.running_mean, args.mean, "running_mean", "mean");
    check_like(args.running_variance, args.mean, "running_variance", "mean");
    CALOFUSE_CHECK(args.momentum >= 0 && args.momentum <= 1,
                   "momentum=" << args.momentum << " (must be in [0, 1])");
    CALOFUSE_CHECK(args.kind == RunningVariance::biased || args.rows > 1,
                   "unbiased variance of " << args.rows << " rows (needs 2)");
    on_backend(
        ctx, "update_running", [&] { cpu::update_running(ctx, args); },
        [&] { cuda::update_running(ctx, args); });
}

void accumulate_statistics(Context& ctx, AccumulateStatisticsArgs const& args)
{
    std::int64_t const channels = args.batch_mean.shape[0];
    check_tensor(args.batch_mean, DType::f32, {channels}, "batch_mean");
    check_tensor(args.batch_variance, DType::f32, {channels}, "batch_variance");
    check_tensor(args.count, DType::i64, {1}, "count");
    check_tensor(args.mean, DType::f64, {channels}, "mean");
    check_tensor(args.spread, DType::f64, {channels}, "spread");
    on_backend(
        ctx, "accumulate_statistics", [&] { cpu::accumulate_statistics(ctx, args); },
        [&] { cuda::accumulate_statistics(ctx, args); });
}

void finish_statistics(Context& ctx, FinishStatisticsArgs const& args)
{
    std::int64_t const channels = args.mean.shape[0];
    check_tensor(args.count, DType::i64, {1}, "count");
    check_tensor(args.mean, DType::f64, {channels}, "mean");
    check_tensor(args.spread, DType::f64, {channels}, "spread");
    check_tensor(args.running_mean, DType::f32, {channels}, "running_mean");
    check_tensor(args.running_variance, DType::f32, {channels}, "running_variance");
    on_backend(
        ctx, "finish_statistics", [&] { cpu::finish_statistics(ctx, args); },
        [&] { cuda::finish_statistics(ctx, args); });
}
}  // namespace calofuse
