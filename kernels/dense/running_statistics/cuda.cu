#include "kernels/dense/running_statistics.hpp"
#include "kernels/device/launch.cuh"

namespace calofuse::cuda {
namespace {
constexpr int kThreads = 256;

struct Update {
    float const *mean, *variance;
    double keep, take, bessel;
    float *running_mean, *running_variance;
    __device__ void operator()(std::int64_t c) const
    {
        running_mean[c] = static_cast<float>(keep * static_cast<double>(running_mean[c])
                                             + take * static_cast<double>(mean[c]));
        running_variance[c] =
            static_cast<float>(keep * static_cast<double>(running_variance[c])
                               + take * bessel * static_cast<double>(variance[c]));
    }
};

/// One block, because all channels read the count that it increases.
__global__ void __launch_bounds__(kThreads) accumulate(std::int64_t channels,
                                                       float const* batch_mean,
                                                       float const* batch_variance,
                                                       std::int64_t* count,
                                                       double* mean,
                                                       double* spread)
{
    std::int64_t const batches = count[0] + 1;
    for (std::int64_t c = threadIdx.x; c < channels; c += kThreads) {
        auto const value = static_cast<double>(batch_mean[c]);
        double const delta = value - mean[c];
        double const moved = mean[c] + delta / static_cast<double>(batches);
        mean[c] = moved;
        spread[c] += static_cast<double>(batch_variance[c]) + delta * (value - moved);
    }
    __syncthreads();
    if (threadIdx.x == 0) count[0] = batches;
}

struct Finish {
    std::int64_t const* count;
    double const *mean, *spread;
    float *running_mean, *running_variance;
    __device__ void operator()(std::int64_t c) const
    {
        if (count[0] == 0) return;
        running_mean[c] = static_cast<float>(mean[c]);
        running_variance[c] = static_cast<float>(spread[c] / static_cast<double>(count[0]));
    }
};
}  // namespace

void update_running(Context& ctx, UpdateRunningArgs const& args)
{
    bool const keras = args.rule == RunningRule::keras;
    auto const rows = static_cast<double>(args.rows);
    for_each(ctx, "update_running", args.mean.size(),
             Update{.mean = args.mean.flat<float const>().data,
                    .variance = args.variance.flat<float const>().data,
                    .keep = keras ? args.momentum : 1 - args.momentum,
                    .take = keras ? 1 - args.momentum : args.momentum,
                    .bessel = args.kind == RunningVariance::unbiased ? rows / (rows - 1) : 1.0,
                    .running_mean = args.running_mean.flat<float>().data,
                    .running_variance = args.running_variance.flat<float>().data});
}

void accumulate_statistics(Context& ctx, AccumulateStatisticsArgs const& args)
{
    launch(ctx, {"accumulate_statistics", 1, kThreads}, accumulate, args.mean.size(),
           args.batch_mean.flat<float const>().data, args.batch_variance.flat<float const>().data,
           args.count.flat<std::int64_t>().data, args.mean.flat<double>().data,
           args.spread.flat<double>().data);
}

void finish_statistics(Context& ctx, FinishStatisticsArgs const& args)
{
    for_each(ctx, "finish_statistics", args.mean.size(),
             Finish{args.count.flat<std::int64_t const>().data, args.mean.flat<double const>().data,
                    args.spread.flat<double const>().data, args.running_mean.flat<float>().data,
                    args.running_variance.flat<float>().data});
}
}  // namespace calofuse::cuda
