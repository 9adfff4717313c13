#include "kernels/loss/bce_probability/math.hpp"
#include "kernels/loss/events/host.hpp"

namespace calofuse::cpu {
void bce_probability_forward(Context& ctx, BceProbabilityArgs const& args)
{
    write_losses(ctx, BceProbabilityEvents(args), args.loss);
}

void bce_probability_backward(Context& ctx, BceProbabilityGradArgs const& args)
{
    BceProbabilityEvents const e(args);
    auto const dx = args.dx.flat<float>();
    float const* const dloss = args.dloss.flat<float const>().data;
    double const over = e.over();
    for_events(ctx, e.valid(), [&](std::int64_t n) {
        dx[n] += static_cast<float>(e.outer(dloss, n) * e.slope(n) / over);
    });
}
}  // namespace calofuse::cpu
