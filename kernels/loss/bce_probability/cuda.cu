#include "kernels/device/device_sum.cuh"
#include "kernels/loss/bce_probability/math.hpp"

// A thread an event, all in double; bound by the launches for the batches that occur.
namespace calofuse::cuda {
void bce_probability_forward(Context& ctx, BceProbabilityArgs const& args)
{
    BceProbabilityEvents const e(args);
    float* const loss = args.loss.flat<float>().data;
    device_sum(
        ctx, "bce_probability_forward", e.events,
        [=] __device__(std::int64_t i) { return e.loss(i); },
        [=] __device__(double sum) { loss[0] = static_cast<float>(sum / e.divisor()); });
}

void bce_probability_backward(Context& ctx, BceProbabilityGradArgs const& args)
{
    BceProbabilityEvents const e(args);
    float const* const dloss = args.dloss.flat<float const>().data;
    float* const dp = args.dp.flat<float>().data;
    for_each(ctx, "bce_probability_backward", e.events, [=] __device__(std::int64_t i) {
        double const scale = (dloss == nullptr ? 1.0 : static_cast<double>(dloss[0])) / e.divisor();
        dp[i] += static_cast<float>(scale * e.slope(i));
    });
}
}  // namespace calofuse::cuda
