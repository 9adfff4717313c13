#include "kernels/loss/bce_probability.hpp"

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
    CALOFUSE_CHECK(args.clip > 0 && args.clip < 0.5,
                   "clip=" << args.clip << " (must be in (0, 0.5))");
}
}  // namespace

void bce_probability_forward(Context& ctx, BceProbabilityArgs const& args)
{
    check_inputs(args);
    check_losses(args, args.loss, "loss");
    on_backend(
        ctx, "bce_probability", [&] { cpu::bce_probability_forward(ctx, args); },
        [&] { cuda::bce_probability_forward(ctx, args); });
}

void bce_probability_backward(Context& ctx, BceProbabilityGradArgs const& args)
{
    check_inputs(args);
    check_gradient(args);
    on_backend(
        ctx, "bce_probability", [&] { cpu::bce_probability_backward(ctx, args); },
        [&] { cuda::bce_probability_backward(ctx, args); });
}
}  // namespace calofuse
