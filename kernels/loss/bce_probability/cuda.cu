#include "kernels/loss/bce_probability/math.hpp"
#include "kernels/loss/events/device.cuh"

// Some 80 instructions and 12 B per event.
namespace calofuse::cuda {
void bce_probability_forward(Context& ctx, BceProbabilityArgs const& args)
{
    write_losses(ctx, "bce_probability_forward", BceProbabilityEvents(args), args.loss);
}

void bce_probability_backward(Context& ctx, BceProbabilityGradArgs const& args)
{
    BceProbabilityEvents const e(args);
    float* const dx = args.dx.flat<float>().data;
    float const* const dloss = args.dloss.flat<float const>().data;
    for_each(ctx, "bce_probability_backward", e.events, [=] __device__(std::int64_t n) {
        if (n >= e.valid()) return;
        dx[n] += static_cast<float>(e.outer(dloss, n) * e.slope(n) / e.over());
    });
}
}  // namespace calofuse::cuda
