#include "kernels/data/take.hpp"

#include "kernels/data/convert/convert.hpp"

namespace calofuse {
void take(Context& ctx, TakeArgs const& args)
{
    check_tensor(args.row, DType::i32, {args.row.size()}, "row");
    check_convert(args.data, args.mean, args.scale_inverse, args.y);
    CALOFUSE_CHECK(args.y.shape[0] == args.row.size(), args.row.size()
                                                           << " rows for y " << args.y.describe());
    on_backend(
        ctx, "take", [&] { cpu::take(ctx, args); }, [&] { cuda::take(ctx, args); });
}
}  // namespace calofuse
