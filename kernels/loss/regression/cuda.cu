#include "kernels/loss/events/device.cuh"
#include "kernels/loss/regression/math.hpp"

// 8 B per value forward, a thread per event; 16 B backward, a thread per value.
namespace calofuse::cuda {
void regression_loss_forward(Context& ctx, RegressionLossArgs const& args)
{
    write_losses(ctx, "regression_loss_forward", RegressionEvents(args), args.loss);
}

void regression_loss_backward(Context& ctx, RegressionLossGradArgs const& args)
{
    RegressionEvents const e(args);
    float const* const dloss = args.dloss.flat<float const>().data;
    float* const dx = args.dx.flat<float>().data;
    for_each(ctx, "regression_loss_backward", args.x.size(), [=] __device__(std::int64_t i) {
        std::int64_t const n = i / e.width;
        if (n >= e.valid()) return;
        dx[i] += static_cast<float>(e.outer(dloss, n) * e.slope(i) / e.over());
    });
}
}  // namespace calofuse::cuda
