#include "kernels/dense/zero_rows.hpp"

namespace calofuse {
void zero_rows(Context& ctx, ZeroRowsArgs const& args)
{
    auto const ptr = args.row_ptr.view<std::int32_t const, 1>();
    CALOFUSE_CHECK(ptr.size() >= 1, "row_ptr is " << args.row_ptr.describe());
    args.x.view<float const, 2>();
    on_backend(
        ctx, "zero_rows", [&] { cpu::zero_rows(ctx, args); }, [&] { cuda::zero_rows(ctx, args); });
}
}  // namespace calofuse
