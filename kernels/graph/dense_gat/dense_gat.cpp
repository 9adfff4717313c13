#include "kernels/graph/dense_gat.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
constexpr std::int64_t kMaxNodes = 64;

struct Sizes {
    std::int64_t events, nodes, heads, channels, width;
};

Sizes check_common(TensorRef const& h,
                   TensorRef const& attn_self,
                   TensorRef const& attn_neigh,
                   TensorRef const& alpha,
                   TensorRef const& y,
                   DenseGatOptions const& options)
{
    auto const view = h.view<float const, 4>();
    Sizes n{view.shape[0], view.shape[1], view.shape[2], view.shape[3], view.shape[3]};
    if (options.merge == HeadMerge::concat) n.width *= n.heads;
    CALOFUSE_CHECK(n.nodes >= 1 && n.nodes <= kMaxNodes,
                   n.nodes << " nodes (1 to " << kMaxNodes << ")");
    CALOFUSE_CHECK(n.heads >= 1 && n.channels >= 1, "h is " << h.describe());
    CALOFUSE_CHECK(options.slope >= 0, "slope " << options.slope);
    check_tensor(h, DType::f32, {n.events, n.nodes, n.heads, n.channels}, "h");
    check_tensor(attn_self, DType::f32, {n.channels, n.heads}, "attn_self");
    check_tensor(attn_neigh, DType::f32, {n.channels, n.heads}, "attn_neigh");
    check_tensor(alpha, DType::f32, {n.events, n.nodes, n.heads, n.nodes}, "alpha");
    check_tensor(y, DType::f32, {n.events, n.nodes, n.width}, "y");
    return n;
}
}  // namespace

void dense_gat_forward(Context& ctx, DenseGatArgs const& args)
{
    Sizes const n =
        check_common(args.h, args.attn_self, args.attn_neigh, args.alpha, args.y, args.options);
    if (args.a.rank == 3)
        check_tensor(args.a, DType::f32, {n.events, n.nodes, n.nodes}, "a");
    else
        check_tensor(args.a, DType::f32, {n.nodes, n.nodes}, "a");
    if (!args.bias.empty()) check_tensor(args.bias, DType::f32, {n.width}, "bias");
    on_backend(
        ctx, "dense_gat_forward", [&] { cpu::dense_gat_forward(ctx, args); },
        [&] { cuda::dense_gat_forward(ctx, args); });
}

void dense_gat_backward(Context& ctx, DenseGatGradArgs const& args)
{
    Sizes const n =
        check_common(args.h, args.attn_self, args.attn_neigh, args.alpha, args.y, args.options);
    check_like(args.dy, args.y, "dy", "y");
    check_like(args.dh, args.h, "dh", "h");
    check_like(args.dattn_self, args.attn_self, "dattn_self", "attn_self");
    check_like(args.dattn_neigh, args.attn_neigh, "dattn_neigh", "attn_neigh");
    if (!args.dbias.empty()) check_tensor(args.dbias, DType::f32, {n.width}, "dbias");
    on_backend(
        ctx, "dense_gat_backward", [&] { cpu::dense_gat_backward(ctx, args); },
        [&] { cuda::dense_gat_backward(ctx, args); });
}
}  // namespace calofuse
