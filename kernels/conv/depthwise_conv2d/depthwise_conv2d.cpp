#include "kernels/conv/depthwise_conv2d.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
void check(TensorRef const& x,
           TensorRef const& w,
           TensorRef const& y,
           Window2d const& window,
           char const* y_name)
{
    CALOFUSE_CHECK(x.rank == 4, "x is " << x.describe() << ", wanted (B, H, W, I)");
    CALOFUSE_CHECK(w.rank == 4, "w is " << w.describe() << ", wanted (kh, kw, I, M)");
    check_axis(window.h, "rows");
    check_axis(window.w, "columns");
    CALOFUSE_CHECK(window.h.overhang == 0 && window.w.overhang == 0,
                   "a convolution has no ceil mode");
    std::int64_t const inputs = x.shape[3], outputs = inputs * w.shape[3];
    check_tensor(x, DType::f32, {x.shape[0], x.shape[1], x.shape[2], inputs}, "x");
    check_tensor(w, DType::f32, {window.h.kernel, window.w.kernel, inputs, w.shape[3]}, "w");
    check_tensor(y, DType::f32,
                 {x.shape[0], window.h.outputs(x.shape[1]), window.w.outputs(x.shape[2]), outputs},
                 y_name);
}
}  // namespace

void depthwise_conv2d_forward(Context& ctx, DepthwiseConv2dArgs const& args)
{
    check(args.x, args.w, args.y, args.window, "y");
    if (!args.bias.empty()) check_tensor(args.bias, DType::f32, {args.y.shape[3]}, "bias");
    on_backend(
        ctx, "depthwise_conv2d", [&] { cpu::depthwise_conv2d_forward(ctx, args); },
        [&] { cuda::depthwise_conv2d_forward(ctx, args); });
}

void depthwise_conv2d_backward(Context& ctx, DepthwiseConv2dGradArgs const& args)
{
    check(args.x, args.w, args.dy, args.window, "dy");
    if (!args.dx.empty()) check_like(args.dx, args.x, "dx", "x");
    if (!args.dw.empty()) check_like(args.dw, args.w, "dw", "w");
    if (!args.dbias.empty()) check_tensor(args.dbias, DType::f32, {args.dy.shape[3]}, "dbias");
    on_backend(
        ctx, "depthwise_conv2d", [&] { cpu::depthwise_conv2d_backward(ctx, args); },
        [&] { cuda::depthwise_conv2d_backward(ctx, args); });
}
}  // namespace calofuse
