#include "kernels/loss/bce.hpp"

#include "kernels/loss/events/events.hpp"

namespace calofuse {
namespace {
template <class Args>
void check_inputs(Args const& args)
{
    CALOFUSE_CHECK(args.x.rank == 1 || (args.x.rank == 2 && args.x.shape[1] == 1),
                   "x is " << args.x.describe() << ", wanted (N) or (N, 1)");
    check_elements(args.x, DType::f32, args.x.size(), "x");
    check_elements(args.target, DType::f32, args.x.size(), "target");
    check_events(args);
    CALOFUSE_CHECK(args.pos_weight > 0, "pos_weight=" << args.pos_weight << " (must be > 0)");
    CALOFUSE_CHECK(args.label_smoothing >= 0 && args.label_smoothing <= 1,
                   "label_smoothing=" << args.label_smoothing << " (must be in [0, 1])");
}
}  // namespace

void bce_forward(Context& ctx, BceArgs const& args)
{
    check_inputs(args);
    check_losses(args, args.loss, "loss");
    on_backend(
        ctx, "bce", [&] { cpu::bce_forward(ctx, args); }, [&] { cuda::bce_forward(ctx, args); });
}

void bce_backward(Context& ctx, BceGradArgs const& args)
{
    check_inputs(args);
    check_gradient(args);
    on_backend(
        ctx, "bce", [&] { cpu::bce_backward(ctx, args); }, [&] { cuda::bce_backward(ctx, args); });
}
}  // namespace calofuse
