#include "kernels/graph/edge_softmax.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
void check(TensorRef const& x, TensorRef const& edge_ptr, TensorRef const& row_ptr)
{
    auto const view = x.view<float const, 2>();
    check_tensor(x, DType::f32, {view.shape[0], view.shape[1]}, "x");
    CALOFUSE_CHECK(edge_ptr.rank == 1 && edge_ptr.shape[0] >= 1,
                   "edge_ptr is " << edge_ptr.describe() << ", wanted (N + 1)");
    check_tensor(edge_ptr, DType::i32, {edge_ptr.shape[0]}, "edge_ptr");
    if (row_ptr.empty()) return;
    CALOFUSE_CHECK(row_ptr.rank == 1 && row_ptr.shape[0] >= 1,
                   "row_ptr is " << row_ptr.describe() << ", wanted (B + 1)");
    check_tensor(row_ptr, DType::i32, {row_ptr.shape[0]}, "row_ptr");
}
}  // namespace

void edge_softmax_forward(Context& ctx, EdgeSoftmaxArgs const& args)
{
    check(args.x, args.edge_ptr, args.row_ptr);
    check_like(args.y, args.x, "y", "x");
    on_backend(
        ctx, "edge_softmax_forward", [&] { cpu::edge_softmax_forward(ctx, args); },
        [&] { cuda::edge_softmax_forward(ctx, args); });
}

void edge_softmax_backward(Context& ctx, EdgeSoftmaxGradArgs const& args)
{
    check(args.y, args.edge_ptr, args.row_ptr);
    check_like(args.dy, args.y, "dy", "y");
    check_like(args.dx, args.y, "dx", "y");
    on_backend(
        ctx, "edge_softmax_backward", [&] { cpu::edge_softmax_backward(ctx, args); },
        [&] { cuda::edge_softmax_backward(ctx, args); });
}
}  // namespace calofuse
