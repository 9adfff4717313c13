#include "kernels/dense/activation.hpp"

#include "kernels/check.hpp"

namespace calofuse {
void activation_forward(Context& ctx, ActivationArgs const& args)
{
    CALOFUSE_CHECK(args.x.dtype == DType::f32, "x is " << args.x.describe() << ", wanted f32");
    check_like(args.y, args.x, "y", "x");
    CALOFUSE_CHECK(args.parameter >= 0, "parameter=" << args.parameter << " (must be >= 0)");
    on_backend(
        ctx, "activation", [&] { cpu::activation_forward(ctx, args); },
        [&] { cuda::activation_forward(ctx, args); });
}

void activation_backward(Context& ctx, ActivationGradArgs const& args)
{
    CALOFUSE_CHECK(args.saved.dtype == DType::f32,
                   "saved is " << args.saved.describe() << ", wanted f32");
    check_like(args.dy, args.saved, "dy", "saved");
    check_like(args.dx, args.saved, "dx", "saved");
    CALOFUSE_CHECK(args.parameter >= 0, "parameter=" << args.parameter << " (must be >= 0)");
    on_backend(
        ctx, "activation", [&] { cpu::activation_backward(ctx, args); },
        [&] { cuda::activation_backward(ctx, args); });
}
}  // namespace calofuse
