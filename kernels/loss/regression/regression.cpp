#include "kernels/loss/regression.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
template <class Args>
void check_inputs(Args const& args)
{
    CALOFUSE_CHECK(args.x.rank == 2 && args.x.shape[1] >= 1,
                   "x is " << args.x.describe() << ", wanted (N, D)");
    check_tensor(args.x, DType::f32, {args.x.shape[0], args.x.shape[1]}, "x");
    check_like(args.target, args.x, "target", "x");
    if (!args.weight.empty()) check_tensor(args.weight, DType::f32, {args.x.shape[0]}, "weight");
    CALOFUSE_CHECK(args.reduction != Reduction::none, "reduction must be mean or sum");
    CALOFUSE_CHECK(args.delta > 0, "delta=" << args.delta << " (must be > 0)");
}
}  // namespace

void regression_loss_forward(Context& ctx, RegressionLossArgs const& args)
{
    check_inputs(args);
    check_tensor(args.loss, DType::f32, {1}, "loss");
    on_backend(
        ctx, "regression_loss", [&] { cpu::regression_loss_forward(ctx, args); },
        [&] { cuda::regression_loss_forward(ctx, args); });
}

void regression_loss_backward(Context& ctx, RegressionLossGradArgs const& args)
{
    check_inputs(args);
    if (!args.dloss.empty()) check_tensor(args.dloss, DType::f32, {1}, "dloss");
    check_like(args.dx, args.x, "dx", "x");
    on_backend(
        ctx, "regression_loss", [&] { cpu::regression_loss_backward(ctx, args); },
        [&] { cuda::regression_loss_backward(ctx, args); });
}
}  // namespace calofuse
