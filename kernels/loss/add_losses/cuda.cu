#include "kernels/device/launch.cuh"
#include "kernels/loss/add_losses/math.hpp"

// A few numbers: bound by the launch.
namespace calofuse::cuda {
void add_losses_forward(Context& ctx, AddLossesArgs const& args)
{
    auto const part = args.part.flat<float const>();
    float* const loss = args.loss.flat<float>().data;
    LossFactors const factor = args.factor;
    for_each(ctx, "add_losses_forward", 1,
             [=] __device__(std::int64_t) { loss[0] = sum_of_losses(part, factor); });
}

void add_losses_backward(Context& ctx, AddLossesGradArgs const& args)
{
    auto const dpart = args.dpart.flat<float>();
    float const* const dloss = args.dloss.flat<float const>().data;
    LossFactors const factor = args.factor;
    for_each(ctx, "add_losses_backward", dpart.size(),
             [=] __device__(std::int64_t h) { dpart[h] += slope_of_loss(dloss, factor, h); });
}
}  // namespace calofuse::cuda
