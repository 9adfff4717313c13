#include "kernels/graph/gat.hpp"

namespace calofuse {
namespace {
struct Sizes {
    std::int64_t nodes, heads, channels, width, edges, features;
};

Sizes check_inputs(GatInputs const& in, GatOptions const& options, TensorRef const& saved)
{
    auto const h = in.h.view<float const, 3>();
    Sizes n{h.shape[0], h.shape[1], h.shape[2], h.shape[2], 0, 0};
    if (options.merge == HeadMerge::concat) n.width *= n.heads;
    CALOFUSE_CHECK(n.heads >= 1 && n.channels >= 1, "h is " << in.h.describe());
    CALOFUSE_CHECK(options.slope >= 0, "slope " << options.slope);
    check_event_dropout(options.dropout);
    check_tensor(in.h, DType::f32, {n.nodes, n.heads, n.channels}, "h");
    check_tensor(in.att_source, DType::f32, {n.heads, n.channels}, "att_source");
    check_tensor(in.att_target, DType::f32, {n.heads, n.channels}, "att_target");
    CALOFUSE_CHECK(in.row_ptr.rank == 1 && in.row_ptr.shape[0] >= 1,
                   "row_ptr is " << in.row_ptr.describe() << ", wanted (B + 1)");
    check_tensor(in.row_ptr, DType::i32, {in.row_ptr.shape[0]}, "row_ptr");
    check_tensor(in.edge_ptr, DType::i32, {n.nodes + 1}, "edge_ptr");
    n.edges = in.source.view<std::int32_t const, 1>().shape[0];
    check_tensor(in.source, DType::i32, {n.edges}, "source");
    check_tensor(saved, DType::f32, {n.nodes, 3, padded_heads(n.heads)}, "saved");
    if (in.edge.rank == 0) {
        CALOFUSE_CHECK(in.edge_weight.empty() && in.att_edge.empty(), "weights without edge");
        return n;
    }
    n.features = in.edge.view<float const, 2>().shape[1];
    CALOFUSE_CHECK(n.features >= 1, "edge is " << in.edge.describe());
    check_tensor(in.edge, DType::f32, {n.edges, n.features}, "edge");
    check_tensor(in.edge_weight, DType::f32, {n.features, n.heads, n.channels}, "edge_weight");
    check_tensor(in.att_edge, DType::f32, {n.heads, n.channels}, "att_edge");
    return n;
}
}  // namespace

void gat_forward(Context& ctx, GatArgs const& args)
{
    Sizes const n = check_inputs(args.in, args.options, args.saved);
    if (!args.bias.empty()) check_tensor(args.bias, DType::f32, {n.width}, "bias");
    check_tensor(args.y, DType::f32, {n.nodes, n.width}, "y");
    if (args.alpha.rank != 0) check_tensor(args.alpha, DType::f32, {n.edges, n.heads}, "alpha");
    if (args.alpha_loop.rank != 0)
        check_tensor(args.alpha_loop, DType::f32, {n.nodes, n.heads}, "alpha_loop");
    on_backend(
        ctx, "gat_forward", [&] { cpu::gat_forward(ctx, args); },
        [&] { cuda::gat_forward(ctx, args); });
}

void gat_backward(Context& ctx, GatGradArgs const& args)
{
    Sizes const n = check_inputs(args.in, args.options, args.saved);
    check_tensor(args.dy, DType::f32, {n.nodes, n.width}, "dy");
    check_like(args.dh, args.in.h, "dh", "h");
    check_like(args.datt_source, args.in.att_source, "datt_source", "att_source");
    check_like(args.datt_target, args.in.att_target, "datt_target", "att_target");
    if (!args.dbias.empty()) check_tensor(args.dbias, DType::f32, {n.width}, "dbias");
    if (args.in.edge.rank != 0) {
        check_like(args.dedge_weight, args.in.edge_weight, "dedge_weight", "edge_weight");
        check_like(args.datt_edge, args.in.att_edge, "datt_edge", "att_edge");
    }
    if (args.dedge.rank != 0) check_like(args.dedge, args.in.edge, "dedge", "edge");
    on_backend(
        ctx, "gat_backward", [&] { cpu::gat_backward(ctx, args); },
        [&] { cuda::gat_backward(ctx, args); });
}
}  // namespace calofuse
