#include "kernels/loss/gce.hpp"

#include "kernels/loss/events/events.hpp"

namespace calofuse {
namespace {
template <class Args>
void check_inputs(Args const& args)
{
    CALOFUSE_CHECK(args.x.rank == 2 && args.x.shape[1] >= 1,
                   "x is " << args.x.describe() << ", wanted (N, C)");
    std::int64_t const events = args.x.shape[0];
    check_tensor(args.x, DType::f32, {events, args.x.shape[1]}, "x");
    check_elements(args.target, DType::i32, events, "target");
    check_events(args);
    CALOFUSE_CHECK(args.q > 0 && args.q <= 1, "q=" << args.q << " (must be in (0, 1])");
}
}  // namespace

void gce_forward(Context& ctx, GceArgs const& args)
{
    check_inputs(args);
    check_losses(args, args.loss, "loss");
    on_backend(
        ctx, "gce", [&] { cpu::gce_forward(ctx, args); }, [&] { cuda::gce_forward(ctx, args); });
}

void gce_backward(Context& ctx, GceGradArgs const& args)
{
    check_inputs(args);
    check_gradient(args);
    on_backend(
        ctx, "gce", [&] { cpu::gce_backward(ctx, args); }, [&] { cuda::gce_backward(ctx, args); });
}
}  // namespace calofuse
