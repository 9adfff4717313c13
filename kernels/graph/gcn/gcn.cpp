#include "kernels/graph/gcn.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
struct Edges {
    TensorRef row_ptr, edge_ptr, source, edge_weight;
};

void check_edges(Edges const& edges, TensorRef const& nodes)
{
    auto const rows = nodes.view<float const, 2>();
    CALOFUSE_CHECK(!nodes.empty() || nodes.size() == 0, "node tensor has no memory");
    auto const row_ptr = edges.row_ptr.view<std::int32_t const, 1>();
    CALOFUSE_CHECK(row_ptr.shape[0] >= 1 && row_ptr.data != nullptr,
                   "row_ptr is " << edges.row_ptr.describe());
    check_tensor(edges.edge_ptr, DType::i32, {rows.shape[0] + 1}, "edge_ptr");
    auto const source = edges.source.view<std::int32_t const, 1>();
    CALOFUSE_CHECK(source.data != nullptr || source.shape[0] == 0, "source has no memory");
    if (!edges.edge_weight.empty())
        check_tensor(edges.edge_weight, DType::f32, {source.shape[0]}, "edge_weight");
}
}  // namespace

void gcn_forward(Context& ctx, GcnArgs const& args)
{
    check_edges({args.row_ptr, args.edge_ptr, args.source, args.edge_weight}, args.u);
    check_like(args.y, args.u, "y", "u");
    if (!args.bias.empty()) check_tensor(args.bias, DType::f32, {args.u.shape[1]}, "bias");
    on_backend(
        ctx, "gcn_forward", [&] { cpu::gcn_forward(ctx, args); },
        [&] { cuda::gcn_forward(ctx, args); });
}

void gcn_backward(Context& ctx, GcnGradArgs const& args)
{
    check_edges({args.row_ptr, args.edge_ptr, args.source, args.edge_weight}, args.dy);
    check_like(args.du, args.dy, "du", "dy");
    if (!args.dbias.empty()) check_tensor(args.dbias, DType::f32, {args.dy.shape[1]}, "dbias");
    if (!args.dedge_weight.empty()) {
        check_like(args.u, args.dy, "u", "dy");
        CALOFUSE_CHECK(!args.edge_weight.empty(), "dedge_weight without edge_weight");
        check_like(args.dedge_weight, args.edge_weight, "dedge_weight", "edge_weight");
    }
    on_backend(
        ctx, "gcn_backward", [&] { cpu::gcn_backward(ctx, args); },
        [&] { cuda::gcn_backward(ctx, args); });
}
}  // namespace calofuse
