#include "kernels/loss/cross_entropy/math.hpp"
#include "kernels/loss/events/device.cuh"

// The few classes of an event lie together, some 60 instructions each.
namespace calofuse::cuda {
namespace {
/// `sum` is where the divisor goes if it is a sum.
template <class Args>
CrossEntropyEvents events_of(Context& ctx, Args const& args, double* sum)
{
    CrossEntropyEvents e(args);
    if (!e.sums_class_weights()) return e;
    device_sum(
        ctx, "cross_entropy_divisor", e.events,
        [=] __device__(std::int64_t n) { return n < e.valid() ? e.class_weight_at(n) : 0.0; },
        [=] __device__(double total) { *sum = total; });
    e.summed = sum;
    return e;
}
}  // namespace

void cross_entropy_forward(Context& ctx, CrossEntropyArgs const& args)
{
    auto const sum = ctx.scratch<double>(1);
    write_losses(ctx, "cross_entropy_forward", events_of(ctx, args, sum.data()), args.loss);
}

void cross_entropy_backward(Context& ctx, CrossEntropyGradArgs const& args)
{
    auto const sum = ctx.scratch<double>(1);
    CrossEntropyEvents const e = events_of(ctx, args, sum.data());
    float* const dx = args.dx.flat<float>().data;
    float const* const dloss = args.dloss.flat<float const>().data;
    for_each(ctx, "cross_entropy_backward", e.events, [=] __device__(std::int64_t n) {
        if (n >= e.valid()) return;
        CrossEntropyEvents::Event const event = e.at(n);
        double const outer = e.outer(dloss, n), all = event.all_shares(), over = e.over();
        for (std::int64_t c = 0; c < e.classes; ++c)
            dx[n * e.classes + c] += static_cast<float>(outer * event.slope(c, all) / over);
    });
}
}  // namespace calofuse::cuda
