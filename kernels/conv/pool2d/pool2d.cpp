#include "kernels/conv/pool2d.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
void check(TensorRef const& x, TensorRef const& y, Window2d const& window, char const* name)
{
    CALOFUSE_CHECK(x.rank == 4, "x is " << x.describe() << ", wanted (B, H, W, C)");
    check_tensor(x, DType::f32, {x.shape[0], x.shape[1], x.shape[2], x.shape[3]}, "x");
    check_axis(window.h, "rows");
    check_axis(window.w, "columns");
    std::int64_t const rows = window.h.outputs(x.shape[1]), cols = window.w.outputs(x.shape[2]);
    check_tensor(y, DType::f32, {x.shape[0], rows, cols, x.shape[3]}, name);
    CALOFUSE_CHECK(rows == 0 || window.h.last(rows - 1, x.shape[1]) > window.h.first(rows - 1),
                   "the last window lies outside " << x.shape[1] << " rows");
    CALOFUSE_CHECK(cols == 0 || window.w.last(cols - 1, x.shape[2]) > window.w.first(cols - 1),
                   "the last window lies outside " << x.shape[2] << " columns");
}
}  // namespace

void pool2d_forward(Context& ctx, Pool2dArgs const& args)
{
    check(args.x, args.y, args.window, "y");
    on_backend(
        ctx, "pool2d", [&] { cpu::pool2d_forward(ctx, args); },
        [&] { cuda::pool2d_forward(ctx, args); });
}

void pool2d_backward(Context& ctx, Pool2dGradArgs const& args)
{
    check(args.x, args.dy, args.window, "dy");
    check_like(args.dx, args.x, "dx", "x");
    on_backend(
        ctx, "pool2d", [&] { cpu::pool2d_backward(ctx, args); },
        [&] { cuda::pool2d_backward(ctx, args); });
}
}  // namespace calofuse
