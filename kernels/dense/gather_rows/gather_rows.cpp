#include "kernels/dense/gather_rows.hpp"

namespace calofuse {
namespace {
void check(TensorRef const& table, TensorRef const& index, TensorRef const& rows)
{
    CALOFUSE_CHECK(table.rank == 2 && rows.rank == 2 && table.shape[1] == rows.shape[1],
                   "table " << table.describe() << " and rows " << rows.describe());
    CALOFUSE_CHECK(index.rank == 1 && index.shape[0] == rows.shape[0],
                   "index " << index.describe() << " for rows " << rows.describe());
}
}  // namespace

void gather_rows_forward(Context& ctx, GatherRowsArgs const& args)
{
    check(args.x, args.index, args.y);
    on_backend(
        ctx, "gather_rows", [&] { cpu::gather_rows_forward(ctx, args); },
        [&] { cuda::gather_rows_forward(ctx, args); });
}

void gather_rows_backward(Context& ctx, GatherRowsGradArgs const& args)
{
    check(args.dx, args.index, args.dy);
    on_backend(
        ctx, "gather_rows", [&] { cpu::gather_rows_backward(ctx, args); },
        [&] { cuda::gather_rows_backward(ctx, args); });
}
}  // namespace calofuse
