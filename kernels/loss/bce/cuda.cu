#include "kernels/device/device_sum.cuh"
#include "kernels/loss/bce/math.hpp"

// A thread an event, all in double: some 100 instructions and 12 B. Batches are small, so both
// directions cost what their launches cost.
namespace calofuse::cuda {
void bce_forward(Context& ctx, BceArgs const& args)
{
    BceEvents const e(args);
    float* const loss = args.loss.flat<float>().data;
    if (args.reduction == Reduction::none)
        return for_each(ctx, "bce_forward", e.events, [=] __device__(std::int64_t i) {
            loss[i] = i < e.valid() ? static_cast<float>(e.loss(i)) : 0.0F;
        });
    device_sum(
        ctx, "bce_forward", e.events,
        [=] __device__(std::int64_t i) { return i < e.valid() ? e.loss(i) : 0.0; },
        [=] __device__(double sum) { loss[0] = static_cast<float>(sum / e.divisor()); });
}

void bce_backward(Context& ctx, BceGradArgs const& args)
{
    BceEvents const e(args);
    float* const dlogits = args.dlogits.flat<float>().data;
    float const* const dloss = args.dloss.flat<float const>().data;
    bool const each = args.reduction == Reduction::none;
    for_each(ctx, "bce_backward", e.events, [=] __device__(std::int64_t i) {
        if (i >= e.valid()) return;
        double const outer = dloss == nullptr ? 1.0 : static_cast<double>(dloss[each ? i : 0]);
        dlogits[i] += static_cast<float>(outer * e.slope(i) / e.divisor());
    });
}
}  // namespace calofuse::cuda
