#include "kernels/loss/events/host.hpp"
#include "kernels/loss/regression/math.hpp"

namespace calofuse::cpu {
void regression_loss_forward(Context& ctx, RegressionLossArgs const& args)
{
    write_losses(ctx, RegressionEvents(args), args.loss);
}

void regression_loss_backward(Context& ctx, RegressionLossGradArgs const& args)
{
    RegressionEvents const e(args);
    float const* const dloss = args.dloss.flat<float const>().data;
    auto const dx = args.dx.flat<float>();
    double const over = e.over();
    for_events(ctx, e.valid() * e.width, [&](std::int64_t i) {
        dx[i] += static_cast<float>(e.outer(dloss, i / e.width) * e.slope(i) / over);
    });
}
}  // namespace calofuse::cpu
