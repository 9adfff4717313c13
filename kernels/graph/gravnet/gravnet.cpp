#include "kernels/graph/gravnet.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
/// y and winner, or dy and winner.
void check_common(TensorRef const& s,
                  TensorRef const& h,
                  TensorRef const& row_ptr,
                  TensorRef const& neighbour,
                  TensorRef const& y,
                  TensorRef const& winner)
{
    auto const coordinates = s.view<float const, 2>();
    auto const features = h.view<float const, 2>();
    auto const list = neighbour.view<std::int32_t const, 2>();
    std::int64_t const nodes = coordinates.shape[0];
    CALOFUSE_CHECK(coordinates.shape[1] >= 1, "s is " << s.describe());
    CALOFUSE_CHECK(features.shape[1] >= 1, "h is " << h.describe());
    CALOFUSE_CHECK(list.shape[1] <= kMaxGravNetNeighbours,
                   list.shape[1] << " neighbours (at most " << kMaxGravNetNeighbours << ")");
    CALOFUSE_CHECK(row_ptr.rank == 1 && row_ptr.shape[0] >= 1,
                   "row_ptr is " << row_ptr.describe() << ", wanted (B + 1) i32");
    check_tensor(s, DType::f32, {nodes, coordinates.shape[1]}, "s");
    check_tensor(h, DType::f32, {nodes, features.shape[1]}, "h");
    check_tensor(row_ptr, DType::i32, {row_ptr.shape[0]}, "row_ptr");
    check_tensor(neighbour, DType::i32, {nodes, list.shape[1]}, "neighbour");
    check_tensor(y, DType::f32, {nodes, 2 * features.shape[1]}, "y");
    check_tensor(winner, DType::i32, {nodes, features.shape[1]}, "winner");
}
}  // namespace

void gravnet_forward(Context& ctx, GravNetArgs const& args)
{
    check_common(args.s, args.h, args.row_ptr, args.neighbour, args.y, args.winner);
    on_backend(
        ctx, "gravnet_forward", [&] { cpu::gravnet_forward(ctx, args); },
        [&] { cuda::gravnet_forward(ctx, args); });
}

void gravnet_backward(Context& ctx, GravNetGradArgs const& args)
{
    check_common(args.s, args.h, args.row_ptr, args.neighbour, args.dy, args.winner);
    check_like(args.ds, args.s, "ds", "s");
    check_like(args.dh, args.h, "dh", "h");
    on_backend(
        ctx, "gravnet_backward", [&] { cpu::gravnet_backward(ctx, args); },
        [&] { cuda::gravnet_backward(ctx, args); });
}
}  // namespace calofuse
