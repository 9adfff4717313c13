#include "kernels/loss/cross_entropy/math.hpp"
#include "kernels/loss/events/host.hpp"

namespace calofuse::cpu {
namespace {
/// `sum` is where the divisor goes if it is a sum.
template <class Args>
CrossEntropyEvents events_of(Context& ctx, Args const& args, double& sum)
{
    CrossEntropyEvents e(args);
    for (std::int64_t n = 0; n < e.valid(); ++n)
        CALOFUSE_ASSERT(e.target[n] >= 0 && e.target[n] < e.classes);
    if (!e.sums_class_weights()) return e;
    sum = ordered_sum(ctx, e.valid(), [&](std::int64_t n) { return e.class_weight_at(n); });
    e.summed = &sum;
    return e;
}
}  // namespace

void cross_entropy_forward(Context& ctx, CrossEntropyArgs const& args)
{
    double sum = 0;
    write_losses(ctx, events_of(ctx, args, sum), args.loss);
}

void cross_entropy_backward(Context& ctx, CrossEntropyGradArgs const& args)
{
    double sum = 0;
    CrossEntropyEvents const e = events_of(ctx, args, sum);
    auto const dx = args.dx.view<float, 2>();
    float const* const dloss = args.dloss.flat<float const>().data;
    double const over = e.over();
    for_events(ctx, e.valid(), [&](std::int64_t n) {
        CrossEntropyEvents::Event const event = e.at(n);
        double const outer = e.outer(dloss, n), all = event.all_shares();
        for (std::int64_t c = 0; c < e.classes; ++c)
            dx(n, c) += static_cast<float>(outer * event.slope(c, all) / over);
    });
}
}  // namespace calofuse::cpu
