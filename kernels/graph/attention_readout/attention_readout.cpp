#include "kernels/graph/attention_readout.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
void check(TensorRef const& x,
           TensorRef const& weight,
           TensorRef const& row_ptr,
           TensorRef const& y,
           std::int64_t column)
{
    auto const rows = x.view<float const, 2>();
    check_tensor(x, DType::f32, {rows.shape[0], rows.shape[1]}, "x");
    check_tensor(weight, DType::f32, {rows.shape[0], 1}, "weight");
    auto const out = y.view<float const, 2>();
    check_tensor(row_ptr, DType::i32, {out.shape[0] + 1}, "row_ptr");
    CALOFUSE_CHECK(
        column >= 0 && column + rows.shape[1] <= out.shape[1],
        rows.shape[1] << " features do not fit y " << y.describe() << " from column " << column);
    CALOFUSE_CHECK(!y.empty() || y.size() == 0, "y has no memory");
}
}  // namespace

void attention_readout_forward(Context& ctx, AttentionReadoutArgs const& args)
{
    check(args.x, args.weight, args.row_ptr, args.y, args.column);
    check_like(args.score, args.weight, "score", "weight");
    on_backend(
        ctx, "attention_readout_forward", [&] { cpu::attention_readout_forward(ctx, args); },
        [&] { cuda::attention_readout_forward(ctx, args); });
}

void attention_readout_backward(Context& ctx, AttentionReadoutGradArgs const& args)
{
    check(args.x, args.weight, args.row_ptr, args.dy, args.column);
    check_like(args.dx, args.x, "dx", "x");
    check_like(args.dscore, args.weight, "dscore", "weight");
    on_backend(
        ctx, "attention_readout_backward", [&] { cpu::attention_readout_backward(ctx, args); },
        [&] { cuda::attention_readout_backward(ctx, args); });
}
}  // namespace calofuse
