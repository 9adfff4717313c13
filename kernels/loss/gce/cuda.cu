#include "kernels/device/device_sum.cuh"
#include "kernels/loss/gce/math.hpp"

// A thread an event, all in double: its few classes lie together, some 100 instructions each. Bound by
// the launches for the batches that occur.
namespace calofuse::cuda {
void gce_forward(Context& ctx, GceArgs const& args)
{
    GceEvents const e(args);
    float* const loss = args.loss.flat<float>().data;
    if (args.reduction == Reduction::none)
        return for_each(ctx, "gce_forward", e.events, [=] __device__(std::int64_t n) {
            loss[n] = static_cast<float>(e.at(n).loss());
        });
    device_sum(
        ctx, "gce_forward", e.events, [=] __device__(std::int64_t n) { return e.at(n).loss(); },
        [=] __device__(double sum) { loss[0] = static_cast<float>(sum / e.divisor); });
}

void gce_backward(Context& ctx, GceGradArgs const& args)
{
    GceEvents const e(args);
    float* const dlogits = args.dlogits.flat<float>().data;
    float const* const dloss = args.dloss.flat<float const>().data;
    bool const each = args.reduction == Reduction::none;
    for_each(ctx, "gce_backward", e.events, [=] __device__(std::int64_t n) {
        GceEvents::Event const event = e.at(n);
        double const outer = dloss == nullptr ? 1.0 : static_cast<double>(dloss[each ? n : 0]);
        for (std::int64_t c = 0; c < e.classes; ++c)
            dlogits[n * e.classes + c] += static_cast<float>(outer * event.slope(c) / e.divisor);
    });
}
}  // namespace calofuse::cuda
