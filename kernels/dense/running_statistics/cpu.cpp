#include "kernels/dense/running_statistics.hpp"

namespace calofuse::cpu {
void update_running(Context&, UpdateRunningArgs const& args)
{
    auto const mean = args.mean.view<float const, 1>();
    auto const variance = args.variance.view<float const, 1>();
    auto const running_mean = args.running_mean.view<float, 1>();
    auto const running_variance = args.running_variance.view<float, 1>();
    double const keep = args.rule == RunningRule::keras ? args.momentum : 1 - args.momentum;
    double const take = args.rule == RunningRule::keras ? 1 - args.momentum : args.momentum;
    auto const rows = static_cast<double>(args.rows);
    double const bessel = args.kind == RunningVariance::unbiased ? rows / (rows - 1) : 1.0;
    for (std::int64_t c = 0; c < mean.shape[0]; ++c) {
        running_mean[c] = static_cast<float>(keep * static_cast<double>(running_mean[c])
                                             + take * static_cast<double>(mean[c]));
        running_variance[c] =
            static_cast<float>(keep * static_cast<double>(running_variance[c])
                               + take * bessel * static_cast<double>(variance[c]));
    }
}

void accumulate_statistics(Context&, AccumulateStatisticsArgs const& args)
{
    auto const batch_mean = args.batch_mean.view<float const, 1>();
    auto const batch_variance = args.batch_variance.view<float const, 1>();
    auto const count = args.count.view<std::int64_t, 1>();
    auto const mean = args.mean.view<double, 1>(), spread = args.spread.view<double, 1>();
    auto const total = static_cast<double>(count[0] + 1);
    for (std::int64_t c = 0; c < mean.shape[0]; ++c) {
        double const delta = static_cast<double>(batch_mean[c]) - mean[c];
        mean[c] += delta / total;
        spread[c] += static_cast<double>(batch_variance[c])
                     + delta * (static_cast<double>(batch_mean[c]) - mean[c]);
    }
    count[0] += 1;
}

void finish_statistics(Context&, FinishStatisticsArgs const& args)
{
    std::int64_t const count = args.count.view<std::int64_t const, 1>()[0];
    auto const mean = args.mean.view<double const, 1>(),
               spread = args.spread.view<double const, 1>();
    auto const running_mean = args.running_mean.view<float, 1>();
    auto const running_variance = args.running_variance.view<float, 1>();
    if (count == 0) return;
    for (std::int64_t c = 0; c < mean.shape[0]; ++c) {
        running_mean[c] = static_cast<float>(mean[c]);
        running_variance[c] = static_cast<float>(spread[c] / static_cast<double>(count));
    }
}
}  // namespace calofuse::cpu
