#include "kernels/device/device_sum.cuh"
#include "kernels/loss/cross_entropy/math.hpp"

// A thread an event, all in double: its few classes lie together, some 60 instructions each. Bound by
// the launches for the batches that occur.
namespace calofuse::cuda {
namespace {
/// What the loss is divided by, on the device.
struct Divisor {
    double plain;
    double const* summed;  ///< null: plain
    __device__ double operator()() const { return summed == nullptr ? plain : *summed; }
};

/// `sum` is where it goes if it is a sum.
Divisor divisor(Context& ctx, CrossEntropyEvents const& e, double* sum)
{
    if (!e.sums_class_weights()) return {e.plain_divisor(), nullptr};
    device_sum(
        ctx, "cross_entropy_divisor", e.events,
        [=] __device__(std::int64_t n) { return e.class_weight_of(e.target[n]); },
        [=] __device__(double total) { *sum = total; });
    return {1.0, sum};
}
}  // namespace

void cross_entropy_forward(Context& ctx, CrossEntropyArgs const& args)
{
    CrossEntropyEvents const e(args);
    float* const loss = args.loss.flat<float>().data;
    if (args.reduction == Reduction::none)
        return for_each(ctx, "cross_entropy_forward", e.events, [=] __device__(std::int64_t n) {
            loss[n] = static_cast<float>(e.at(n).loss());
        });
    auto const memory = ctx.scratch<double>(1);
    Divisor const over = divisor(ctx, e, memory.data());
    device_sum(
        ctx, "cross_entropy_forward", e.events,
        [=] __device__(std::int64_t n) { return e.at(n).loss(); },
        [=] __device__(double sum) { loss[0] = static_cast<float>(sum / over()); });
}

void cross_entropy_backward(Context& ctx, CrossEntropyGradArgs const& args)
{
    CrossEntropyEvents const e(args);
    float* const dlogits = args.dlogits.flat<float>().data;
    float const* const dloss = args.dloss.flat<float const>().data;
    bool const each = args.reduction == Reduction::none;
    auto const memory = ctx.scratch<double>(1);
    Divisor const over = divisor(ctx, e, memory.data());
    for_each(ctx, "cross_entropy_backward", e.events, [=] __device__(std::int64_t n) {
        CrossEntropyEvents::Event const event = e.at(n);
        double const outer = dloss == nullptr ? 1.0 : static_cast<double>(dloss[each ? n : 0]);
        double const all = event.all_shares();
        for (std::int64_t c = 0; c < e.classes; ++c)
            dlogits[n * e.classes + c] += static_cast<float>(outer * event.slope(c, all) / over());
    });
}
}  // namespace calofuse::cuda
