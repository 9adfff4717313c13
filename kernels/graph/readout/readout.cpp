#include "kernels/graph/readout.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
/// x or dx against y or dy.
void check(TensorRef const& x,
           TensorRef const& row_ptr,
           TensorRef const& y,
           ReadoutKind kind,
           TensorRef const& largest,
           std::int64_t column)
{
    auto const rows = y.view<float const, 2>();
    CALOFUSE_CHECK(x.rank == (row_ptr.empty() ? 3 : 2) && x.dtype == DType::f32,
                   "x is " << x.describe()
                           << (row_ptr.empty() ? ", wanted (B, V, F) f32" : ", wanted (N, F) f32"));
    CALOFUSE_CHECK(!x.empty() || x.size() == 0, "x has no memory");
    std::int64_t const features = x.shape[row_ptr.empty() ? 2 : 1];
    if (row_ptr.empty())
        CALOFUSE_CHECK(x.shape[0] == rows.shape[0],
                       "x is " << x.describe() << ", y " << y.describe());
    else
        check_tensor(row_ptr, DType::i32, {rows.shape[0] + 1}, "row_ptr");
    CALOFUSE_CHECK(
        column >= 0 && column + readout_width(kind, features) <= rows.shape[1],
        features << " features do not fit y " << y.describe() << " from column " << column);
    CALOFUSE_CHECK(!y.empty() || y.size() == 0, "y has no memory");
    if (kind == ReadoutKind::max || kind == ReadoutKind::mean_max_log_sum)
        check_tensor(largest, DType::i32, {rows.shape[0], features}, "largest");
}
}  // namespace

void readout_forward(Context& ctx, ReadoutArgs const& args)
{
    check(args.x, args.row_ptr, args.y, args.kind, args.largest, args.column);
    on_backend(
        ctx, "readout_forward", [&] { cpu::readout_forward(ctx, args); },
        [&] { cuda::readout_forward(ctx, args); });
}

void readout_backward(Context& ctx, ReadoutGradArgs const& args)
{
    check(args.dx, args.row_ptr, args.dy, args.kind, args.largest, args.column);
    on_backend(
        ctx, "readout_backward", [&] { cpu::readout_backward(ctx, args); },
        [&] { cuda::readout_backward(ctx, args); });
}
}  // namespace calofuse
