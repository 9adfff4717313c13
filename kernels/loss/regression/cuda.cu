#include "kernels/device/device_sum.cuh"
#include "kernels/loss/regression/math.hpp"

// A thread a value, in double. 8 B a value forward, 16 B backward.
namespace calofuse::cuda {
void regression_loss_forward(Context& ctx, RegressionLossArgs const& args)
{
    RegressionValues const v(args);
    float* const loss = args.loss.flat<float>().data;
    device_sum(
        ctx, "regression_loss_forward", v.count,
        [=] __device__(std::int64_t i) { return v.loss(i); },
        [=] __device__(double sum) { loss[0] = static_cast<float>(sum); });
}

void regression_loss_backward(Context& ctx, RegressionLossGradArgs const& args)
{
    RegressionValues const v(args);
    float const* const dloss = args.dloss.flat<float const>().data;
    float* const dx = args.dx.flat<float>().data;
    for_each(ctx, "regression_loss_backward", v.count, [=] __device__(std::int64_t i) {
        double const outer = dloss == nullptr ? 1.0 : static_cast<double>(dloss[0]);
        dx[i] += static_cast<float>(outer * v.slope(i));
    });
}
}  // namespace calofuse::cuda
