#include "kernels/dense/softmax.hpp"

#include "kernels/check.hpp"

namespace calofuse {
void softmax_forward(Context& ctx, SoftmaxArgs const& args)
{
    CALOFUSE_CHECK(args.x.dtype == DType::f32 && args.x.rank == 2,
                   "x is " << args.x.describe() << ", wanted (N, C) f32");
    check_like(args.y, args.x, "y", "x");
    on_backend(
        ctx, "softmax", [&] { cpu::softmax_forward(ctx, args); },
        [&] { cuda::softmax_forward(ctx, args); });
}

void softmax_backward(Context& ctx, SoftmaxGradArgs const& args)
{
    CALOFUSE_CHECK(args.y.dtype == DType::f32 && args.y.rank == 2,
                   "y is " << args.y.describe() << ", wanted (N, C) f32");
    check_like(args.dy, args.y, "dy", "y");
    check_like(args.dx, args.y, "dx", "y");
    on_backend(
        ctx, "softmax", [&] { cpu::softmax_backward(ctx, args); },
        [&] { cuda::softmax_backward(ctx, args); });
}
}  // namespace calofuse
