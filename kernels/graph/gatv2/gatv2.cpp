#include "kernels/graph/gatv2.hpp"

namespace calofuse {
namespace {
struct Sizes {
    std::int64_t nodes, heads, channels, width, edges;
};

Sizes check_inputs(Gatv2Inputs const& in, Gatv2Options const& options, TensorRef const& saved)
{
    auto const left = in.left.view<float const, 3>();
    Sizes n{left.shape[0], left.shape[1], left.shape[2], left.shape[2], 0};
    if (options.merge == HeadMerge::concat) n.width *= n.heads;
    CALOFUSE_CHECK(n.heads >= 1 && n.channels >= 1, "left is " << in.left.describe());
    CALOFUSE_CHECK(options.slope >= 0, "slope " << options.slope);
    check_event_dropout(options.dropout);
    check_tensor(in.left, DType::f32, {n.nodes, n.heads, n.channels}, "left");
    check_like(in.right, in.left, "right", "left");
    check_tensor(in.att, DType::f32, {n.heads, n.channels}, "att");
    CALOFUSE_CHECK(in.row_ptr.rank == 1 && in.row_ptr.shape[0] >= 1,
                   "row_ptr is " << in.row_ptr.describe() << ", wanted (B + 1)");
    check_tensor(in.row_ptr, DType::i32, {in.row_ptr.shape[0]}, "row_ptr");
    check_tensor(in.edge_ptr, DType::i32, {n.nodes + 1}, "edge_ptr");
    n.edges = in.source.view<std::int32_t const, 1>().shape[0];
    check_tensor(in.source, DType::i32, {n.edges}, "source");
    check_tensor(saved, DType::f32, {n.nodes, padded_heads(n.heads)}, "saved");
    if (in.edge.rank == 0) {
        CALOFUSE_CHECK(in.edge_weight.empty(), "edge_weight without edge");
        return n;
    }
    std::int64_t const features = in.edge.view<float const, 2>().shape[1];
    CALOFUSE_CHECK(features >= 1, "edge is " << in.edge.describe());
    check_tensor(in.edge, DType::f32, {n.edges, features}, "edge");
    check_tensor(in.edge_weight, DType::f32, {features, n.heads, n.channels}, "edge_weight");
    return n;
}
}  // namespace

void gatv2_forward(Context& ctx, Gatv2Args const& args)
{
    Sizes const n = check_inputs(args.in, args.options, args.saved);
    if (!args.bias.empty()) check_tensor(args.bias, DType::f32, {n.width}, "bias");
    check_tensor(args.y, DType::f32, {n.nodes, n.width}, "y");
    if (args.alpha.rank != 0) check_tensor(args.alpha, DType::f32, {n.edges, n.heads}, "alpha");
    if (args.alpha_loop.rank != 0)
        check_tensor(args.alpha_loop, DType::f32, {n.nodes, n.heads}, "alpha_loop");
    on_backend(
        ctx, "gatv2_forward", [&] { cpu::gatv2_forward(ctx, args); },
        [&] { cuda::gatv2_forward(ctx, args); });
}

void gatv2_backward(Context& ctx, Gatv2GradArgs const& args)
{
    Sizes const n = check_inputs(args.in, args.options, args.saved);
    check_tensor(args.dy, DType::f32, {n.nodes, n.width}, "dy");
    check_like(args.dleft, args.in.left, "dleft", "left");
    check_like(args.dright, args.in.left, "dright", "left");
    check_like(args.datt, args.in.att, "datt", "att");
    if (!args.dbias.empty()) check_tensor(args.dbias, DType::f32, {n.width}, "dbias");
    if (args.in.edge.rank != 0)
        check_like(args.dedge_weight, args.in.edge_weight, "dedge_weight", "edge_weight");
    if (args.dedge.rank != 0) check_like(args.dedge, args.in.edge, "dedge", "edge");
    on_backend(
        ctx, "gatv2_backward", [&] { cpu::gatv2_backward(ctx, args); },
        [&] { cuda::gatv2_backward(ctx, args); });
}
}  // namespace calofuse
