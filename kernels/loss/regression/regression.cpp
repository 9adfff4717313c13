#include "kernels/loss/regression.hpp"

#include "kernels/loss/events/events.hpp"

namespace calofuse {
namespace {
template <class Args>
void check_inputs(Args const& args)
{
    CALOFUSE_CHECK(args.target.rank == 2 && args.target.shape[1] >= 1,
                   "target is " << args.target.describe() << ", wanted (N, D)");
    std::int64_t const events = args.target.shape[0], values = args.target.shape[1];
    bool const quantile = args.kind == Residual::quantile;
    std::int64_t const count = args.quantiles.count;
    CALOFUSE_CHECK(!quantile || (count >= 1 && count <= Quantiles::kMost),
                   count << " quantiles (must be 1 to " << Quantiles::kMost << ")");
    check_tensor(args.target, DType::f32, {events, values}, "target");
    check_tensor(args.x, DType::f32, {events, quantile ? values * count : values}, "x");
    check_events(args);
    CALOFUSE_CHECK(args.delta > 0, "delta=" << args.delta << " (must be > 0)");
    for (std::int64_t i = 0; quantile && i < count; ++i) {
        float const q = args.quantiles.q[i];
        CALOFUSE_CHECK(q > 0 && q < 1, "quantile " << q << " (must be in (0, 1))");
    }
}
}  // namespace

void regression_loss_forward(Context& ctx, RegressionLossArgs const& args)
{
    check_inputs(args);
    check_losses(args, args.loss, "loss");
    on_backend(
        ctx, "regression_loss", [&] { cpu::regression_loss_forward(ctx, args); },
        [&] { cuda::regression_loss_forward(ctx, args); });
}

void regression_loss_backward(Context& ctx, RegressionLossGradArgs const& args)
{
    check_inputs(args);
    check_gradient(args);
    on_backend(
        ctx, "regression_loss", [&] { cpu::regression_loss_backward(ctx, args); },
        [&] { cuda::regression_loss_backward(ctx, args); });
}
}  // namespace calofuse
