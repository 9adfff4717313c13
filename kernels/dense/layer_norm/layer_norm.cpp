#include "kernels/dense/layer_norm.hpp"

namespace calofuse {
namespace {
struct Sizes {
    std::int64_t rows, width;
};

Sizes check_common(TensorRef const& x,
                   TensorRef const& gamma,
                   TensorRef const& beta,
                   TensorRef const& row_ptr,
                   LayerNormOptions const& options,
                   TensorRef const& saved,
                   TensorRef const& kept)
{
    auto const view = x.view<float const, 2>();
    Sizes const n{view.shape[0], view.shape[1]};
    CALOFUSE_CHECK(n.width >= 1, "x is " << x.describe());
    CALOFUSE_CHECK(options.epsilon > 0, "epsilon " << options.epsilon);
    check_event_dropout(options.dropout);
    check_tensor(x, DType::f32, {n.rows, n.width}, "x");
    check_tensor(gamma, DType::f32, {n.width}, "gamma");
    check_tensor(beta, DType::f32, {n.width}, "beta");
    check_tensor(saved, DType::f32, {n.rows, 2}, "saved");
    bool const drops = options.dropout.rate > 0;
    CALOFUSE_CHECK(!drops || !row_ptr.empty(), "dropout without row_ptr");
    if (drops) check_tensor(kept, DType::u16, {n.rows, (n.width + 15) / 16}, "kept");
    if (row_ptr.empty()) return n;
    CALOFUSE_CHECK(row_ptr.rank == 1 && row_ptr.shape[0] >= 1,
                   "row_ptr is " << row_ptr.describe() << ", wanted (B + 1)");
    check_tensor(row_ptr, DType::i32, {row_ptr.shape[0]}, "row_ptr");
    return n;
}
}  // namespace

void layer_norm_forward(Context& ctx, LayerNormArgs const& args)
{
    check_common(args.x, args.gamma, args.beta, args.row_ptr, args.options, args.saved, args.kept);
    check_like(args.y, args.x, "y", "x");
    if (!args.shortcut.empty()) check_like(args.shortcut, args.x, "shortcut", "x");
    on_backend(
        ctx, "layer_norm_forward", [&] { cpu::layer_norm_forward(ctx, args); },
        [&] { cuda::layer_norm_forward(ctx, args); });
}

void layer_norm_backward(Context& ctx, LayerNormGradArgs const& args)
{
    check_common(args.x, args.gamma, args.beta, args.row_ptr, args.options, args.saved, args.kept);
    check_like(args.dy, args.x, "dy", "x");
    check_like(args.dx, args.x, "dx", "x");
    check_like(args.dgamma, args.gamma, "dgamma", "gamma");
    check_like(args.dbeta, args.beta, "dbeta", "beta");
    if (!args.dshortcut.empty()) check_like(args.dshortcut, args.x, "dshortcut", "x");
    on_backend(
        ctx, "layer_norm_backward", [&] { cpu::layer_norm_backward(ctx, args); },
        [&] { cuda::layer_norm_backward(ctx, args); });
}
}  // namespace calofuse
