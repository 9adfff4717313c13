#include "kernels/graph/edge_conv.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
/// Everything that both directions share; `y` is y or dy.
void check(EdgeConvGradArgs const& a, TensorRef const& y)
{
    auto const target = a.target.view<float const, 2>();
    CALOFUSE_CHECK(!a.target.empty() || a.target.size() == 0, "target has no memory");
    check_like(a.neighbour, a.target, "neighbour", "target");
    auto const row_ptr = a.row_ptr.view<std::int32_t const, 1>();
    CALOFUSE_CHECK(row_ptr.shape[0] >= 1 && row_ptr.data != nullptr,
                   "row_ptr is " << a.row_ptr.describe());
    check_tensor(a.edge_ptr, DType::i32, {target.shape[0] + 1}, "edge_ptr");
    auto const source = a.source.view<std::int32_t const, 1>();
    CALOFUSE_CHECK(source.data != nullptr || source.shape[0] == 0, "source has no memory");
    std::int64_t const outputs = a.w.view<float const, 2>().shape[1];
    CALOFUSE_CHECK(target.shape[1] >= 1 && outputs >= 1, "w is " << a.w.describe());
    check_tensor(a.w, DType::f32, {target.shape[1], outputs}, "w");
    check_tensor(y, DType::f32, {target.shape[0], outputs}, "y or dy");
    if (a.aggregate == EdgeAggregate::max)
        check_tensor(a.winner, DType::i32, {target.shape[0], outputs}, "winner");
}
}  // namespace

void edge_conv_forward(Context& ctx, EdgeConvArgs const& args)
{
    EdgeConvGradArgs shared{};
    shared.target = args.target;
    shared.neighbour = args.neighbour;
    shared.row_ptr = args.row_ptr;
    shared.edge_ptr = args.edge_ptr;
    shared.source = args.source;
    shared.w = args.w;
    shared.aggregate = args.aggregate;
    shared.winner = args.winner;
    check(shared, args.y);
    if (!args.bias.empty()) check_tensor(args.bias, DType::f32, {args.w.shape[1]}, "bias");
    on_backend(
        ctx, "edge_conv_forward", [&] { cpu::edge_conv_forward(ctx, args); },
        [&] { cuda::edge_conv_forward(ctx, args); });
}

void edge_conv_backward(Context& ctx, EdgeConvGradArgs const& args)
{
    check(args, args.dy);
    check_like(args.dtarget, args.target, "dtarget", "target");
    check_like(args.dneighbour, args.target, "dneighbour", "target");
    check_like(args.dw, args.w, "dw", "w");
    if (!args.dbias.empty()) check_tensor(args.dbias, DType::f32, {args.w.shape[1]}, "dbias");
    on_backend(
        ctx, "edge_conv_backward", [&] { cpu::edge_conv_backward(ctx, args); },
        [&] { cuda::edge_conv_backward(ctx, args); });
}
}  // namespace calofuse
