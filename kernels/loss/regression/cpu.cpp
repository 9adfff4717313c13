#include "kernels/loss/regression/math.hpp"
#include "kernels/math/ordered_sum.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kChunk = 1024;
}  // namespace

void regression_loss_forward(Context& ctx, RegressionLossArgs const& args)
{
    RegressionValues const v(args);
    double const sum = ordered_sum(ctx, v.count, [&](std::int64_t i) { return v.loss(i); });
    args.loss.view<float, 1>()[0] = static_cast<float>(sum);
}

void regression_loss_backward(Context& ctx, RegressionLossGradArgs const& args)
{
    RegressionValues const v(args);
    float const* const dloss = args.dloss.flat<float const>().data;
    double const outer = dloss == nullptr ? 1.0 : static_cast<double>(dloss[0]);
    auto const dx = args.dx.flat<float>();
    parallel_chunks(ctx, v.count, kChunk, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
        for (std::int64_t i = begin; i < end; ++i)
            dx[i] += static_cast<float>(outer * v.slope(i));
    });
}
}  // namespace calofuse::cpu
