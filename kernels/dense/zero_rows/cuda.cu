#include "kernels/dense/zero_rows.hpp"
#include "kernels/device/launch.cuh"

namespace calofuse::cuda {
namespace {
/// 4 B written an element that exists; threads of the rows beyond read row_ptr[B] and leave.
struct Zero {
    std::int32_t const* rows;
    View<float, 2> x;
    __device__ void operator()(std::int64_t i) const
    {
        if (i < rows[0] * x.shape[1]) x.data[i] = 0;
    }
};
}  // namespace

void zero_rows(Context& ctx, ZeroRowsArgs const& args)
{
    auto const ptr = args.row_ptr.view<std::int32_t const, 1>();
    auto const x = args.x.view<float, 2>();
    for_each(ctx, "zero_rows", x.size(), Zero{ptr.data + ptr.size() - 1, x});
}
}  // namespace calofuse::cuda
