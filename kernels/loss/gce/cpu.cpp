#include <algorithm>

#include "kernels/loss/events/host.hpp"
#include "kernels/loss/gce/math.hpp"

namespace calofuse::cpu {
namespace {
template <class Args>
GceEvents events_of(Args const& args)
{
    GceEvents const e(args);
    for (std::int64_t n = 0; n < e.valid(); ++n)
        CALOFUSE_ASSERT(e.target[n] >= 0 && e.target[n] < std::max<std::int64_t>(e.classes, 2));
    return e;
}
}  // namespace

void gce_forward(Context& ctx, GceArgs const& args)
{
    write_losses(ctx, events_of(args), args.loss);
}

void gce_backward(Context& ctx, GceGradArgs const& args)
{
    GceEvents const e = events_of(args);
    auto const dx = args.dx.view<float, 2>();
    float const* const dloss = args.dloss.flat<float const>().data;
    double const over = e.over();
    for_events(ctx, e.valid(), [&](std::int64_t n) {
        GceEvents::Event const event = e.at(n);
        for (std::int64_t c = 0; c < e.classes; ++c)
            dx(n, c) += static_cast<float>(e.outer(dloss, n) * event.slope(c) / over);
    });
}
}  // namespace calofuse::cpu
