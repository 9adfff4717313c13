#include "kernels/dense/take_columns.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
void check(TensorRef const& wide,
           TensorRef const& narrow,
           std::int64_t first,
           char const* wide_name,
           char const* narrow_name)
{
    CALOFUSE_CHECK(wide.rank == 2, wide_name << " is " << wide.describe() << ", wanted (N, W)");
    CALOFUSE_CHECK(narrow.rank == 2,
                   narrow_name << " is " << narrow.describe() << ", wanted (N, w)");
    std::int64_t const rows = wide.shape[0], width = narrow.shape[1];
    check_tensor(wide, DType::f32, {rows, wide.shape[1]}, wide_name);
    check_tensor(narrow, DType::f32, {rows, width}, narrow_name);
    CALOFUSE_CHECK(first >= 0 && first + width <= wide.shape[1],
                   "columns " << first << " to " << first + width << " of " << wide.shape[1]);
}
}  // namespace

void take_columns_forward(Context& ctx, TakeColumnsArgs const& args)
{
    check(args.x, args.y, args.first, "x", "y");
    on_backend(
        ctx, "take_columns", [&] { cpu::take_columns_forward(ctx, args); },
        [&] { cuda::take_columns_forward(ctx, args); });
}

void take_columns_backward(Context& ctx, TakeColumnsGradArgs const& args)
{
    check(args.dx, args.dy, args.first, "dx", "dy");
    on_backend(
        ctx, "take_columns", [&] { cpu::take_columns_backward(ctx, args); },
        [&] { cuda::take_columns_backward(ctx, args); });
}
}  // namespace calofuse
