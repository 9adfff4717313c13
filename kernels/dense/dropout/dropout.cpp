#include "kernels/dense/dropout.hpp"

#include "kernels/check.hpp"

namespace calofuse {
void dropout_forward(Context& ctx, DropoutArgs const& args)
{
    CALOFUSE_CHECK(args.x.dtype == DType::f32, "x is " << args.x.describe() << ", wanted f32");
    check_like(args.y, args.x, "y", "x");
    check_tensor(args.step, DType::i64, {2}, "step");
    CALOFUSE_CHECK(args.rate >= 0 && args.rate < 1, "rate=" << args.rate << " (must be in [0, 1))");
    on_backend(
        ctx, "dropout", [&] { cpu::dropout_forward(ctx, args); },
        [&] { cuda::dropout_forward(ctx, args); });
}

void dropout_backward(Context& ctx, DropoutGradArgs const& args)
{
    CALOFUSE_CHECK(args.dy.dtype == DType::f32, "dy is " << args.dy.describe() << ", wanted f32");
    check_like(args.dx, args.dy, "dx", "dy");
    check_tensor(args.step, DType::i64, {2}, "step");
    CALOFUSE_CHECK(args.rate >= 0 && args.rate < 1, "rate=" << args.rate << " (must be in [0, 1))");
    on_backend(
        ctx, "dropout", [&] { cpu::dropout_backward(ctx, args); },
        [&] { cuda::dropout_backward(ctx, args); });
}
}  // namespace calofuse
