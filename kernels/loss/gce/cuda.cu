#include "kernels/loss/events/device.cuh"
#include "kernels/loss/gce/math.hpp"

// The few classes of an event lie together, some 100 instructions each.
namespace calofuse::cuda {
void gce_forward(Context& ctx, GceArgs const& args)
{
    write_losses(ctx, "gce_forward", GceEvents(args), args.loss);
}

void gce_backward(Context& ctx, GceGradArgs const& args)
{
    GceEvents const e(args);
    float* const dx = args.dx.flat<float>().data;
    float const* const dloss = args.dloss.flat<float const>().data;
    for_each(ctx, "gce_backward", e.events, [=] __device__(std::int64_t n) {
        if (n >= e.valid()) return;
        GceEvents::Event const event = e.at(n);
        for (std::int64_t c = 0; c < e.classes; ++c)
            dx[n * e.classes + c] +=
                static_cast<float>(e.outer(dloss, n) * event.slope(c) / e.over());
    });
}
}  // namespace calofuse::cuda
