#include "kernels/loss/bce/math.hpp"
#include "kernels/loss/events/host.hpp"

namespace calofuse::cpu {
void bce_forward(Context& ctx, BceArgs const& args)
{
    write_losses(ctx, BceEvents(args), args.loss);
}

void bce_backward(Context& ctx, BceGradArgs const& args)
{
    BceEvents const e(args);
    auto const dx = args.dx.flat<float>();
    float const* const dloss = args.dloss.flat<float const>().data;
    double const over = e.over();
    for_events(ctx, e.valid(), [&](std::int64_t n) {
        dx[n] += static_cast<float>(e.outer(dloss, n) * e.slope(n) / over);
    });
}
}  // namespace calofuse::cpu
