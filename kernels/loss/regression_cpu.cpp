#include <algorithm>
#include <cmath>

#include "kernels/common/ordered_sum.hpp"
#include "kernels/loss/regression.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kChunk = 1024;

double loss_of(Residual kind, double delta, double x, double t)
{
    double const e = std::abs(x - t);
    switch (kind) {
        case Residual::squared:
            return e * e;
        case Residual::huber:
            return e <= delta ? e * e / 2 : delta * (e - delta / 2);
    }
    return 0;
}

double slope_of(Residual kind, double delta, double x, double t)
{
    switch (kind) {
        case Residual::squared:
            return 2 * (x - t);
        case Residual::huber:
            return std::clamp(x - t, -delta, delta);
    }
    return 0;
}

/// Factor of element i: weight of its event over what the reduction divides by.
template <class Args>
auto factor_of(Args const& args)
{
    std::int64_t const width = args.x.shape[1];
    auto const elements = static_cast<double>(std::max<std::int64_t>(args.x.size(), 1));
    double const share = args.reduction == Reduction::mean ? 1 / elements : 1.0;
    float const* const weight =
        args.weight.empty() ? nullptr : args.weight.template view<float const, 1>().data;
    return [=](std::int64_t i) {
        return share * (weight == nullptr ? 1.0 : static_cast<double>(weight[i / width]));
    };
}
}  // namespace

void regression_loss_forward(Context& ctx, RegressionLossArgs const& args)
{
    auto const x = args.x.flat<float const>(), target = args.target.flat<float const>();
    auto const factor = factor_of(args);
    auto const delta = static_cast<double>(args.delta);
    double const sum = ordered_sum(ctx, x.size(), [&](std::int64_t i) {
        return factor(i)
               * loss_of(args.kind, delta, static_cast<double>(x[i]),
                         static_cast<double>(target[i]));
    });
    args.loss.view<float, 1>()[0] = static_cast<float>(sum);
}

void regression_loss_backward(Context& ctx, RegressionLossGradArgs const& args)
{
    auto const x = args.x.flat<float const>(), target = args.target.flat<float const>();
    auto const dx = args.dx.flat<float>();
    auto const factor = factor_of(args);
    auto const delta = static_cast<double>(args.delta);
    double const dloss =
        args.dloss.empty() ? 1.0 : static_cast<double>(args.dloss.view<float const, 1>()[0]);
    parallel_chunks(ctx, x.size(), kChunk, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
        for (std::int64_t i = begin; i < end; ++i)
            dx[i] += static_cast<float>(dloss * factor(i)
                                        * slope_of(args.kind, delta, static_cast<double>(x[i]),
                                                   static_cast<double>(target[i])));
    });
}
}  // namespace calofuse::cpu
