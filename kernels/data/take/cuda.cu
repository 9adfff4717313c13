// Bound by memory: one thread per element of y, neighbours read neighbours.
#include "kernels/data/convert/convert.hpp"
#include "kernels/data/take.hpp"
#include "kernels/device/launch.cuh"

namespace calofuse::cuda {
namespace {
constexpr int kThreads = 256;

template <class T, class Y>
__global__ void __launch_bounds__(kThreads) take_kernel(std::int32_t const* row,
                                                        T const* data,
                                                        ColumnScaling scaling,
                                                        std::uint32_t width,
                                                        std::uint32_t count,
                                                        Y* y)
{
    std::uint32_t const i = blockIdx.x * kThreads + threadIdx.x;
    if (i >= count) return;
    std::uint32_t const b = i / width, c = i - b * width;
    std::int64_t const r = row[b];
    y[i] = r < 0 ? Y{0} : scaling.convert<Y>(data[r * width + c], c);
}
}  // namespace

void take(Context& ctx, TakeArgs const& args)
{
    auto const row = args.row.view<std::int32_t const, 1>();
    ColumnScaling const scaling(args.mean, args.scale_inverse);
    dispatch_convert(args.data.dtype, args.y.dtype, [&]<class T, class Y> {
        auto const y = args.y.flat<Y>();
        launch(ctx, {"take", blocks_for(y.size(), kThreads), kThreads}, take_kernel<T, Y>, row.data,
               args.data.flat<T const>().data, scaling, row_size(args.y), y.size(), y.data);
    });
}
}  // namespace calofuse::cuda
