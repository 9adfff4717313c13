// The rows of an event lie one after the other in data and in y: blocks per event, each of which
// copies every gridDim.x-th piece, so that nothing looks for its event. Bound by memory.
#include "kernels/data/convert/convert.hpp"
#include "kernels/data/take_ragged.hpp"
#include "kernels/device/launch.cuh"
#include "kernels/device/scan.cuh"

namespace calofuse::cuda {
namespace {
constexpr int kThreads = 256;

template <class T, class Y>
__global__ void __launch_bounds__(kThreads) take_ragged_kernel(View<std::int32_t const, 1> row,
                                                               std::int64_t const* first,
                                                               std::int32_t const* ptr,
                                                               T const* data,
                                                               ColumnScaling scaling,
                                                               std::uint32_t width,
                                                               Y* y)
{
    for (std::int64_t b = blockIdx.y; b < row.shape[0]; b += gridDim.y) {
        if (row[b] < 0) continue;
        std::uint32_t const count = static_cast<std::uint32_t>(ptr[b + 1] - ptr[b]) * width;
        T const* const x = data + first[row[b]] * width;
        Y* const to = y + std::int64_t{ptr[b]} * width;
        for (std::uint32_t i = blockIdx.x * kThreads + threadIdx.x; i < count;
             i += gridDim.x * kThreads)
            to[i] = scaling.convert<Y>(x[i], i % width);
    }
}

/// Four elements per thread, of events of mean length: the longer ones take more rounds.
dim3 grid_for(std::int64_t elements, std::int64_t events)
{
    constexpr std::int64_t kMostEvents = 65535;  // of a grid in y
    constexpr std::int64_t kMostBlocks = 256;    // per event
    if (events == 0 || elements == 0) return {0, 0, 0};
    return {blocks_for(elements / events + 1, 4 * kThreads, kMostBlocks),
            blocks_for(events, 1, kMostEvents), 1};
}
}  // namespace

void take_row_ptr(Context& ctx, TakeRowPtrArgs const& args)
{
    auto const row = args.row.view<std::int32_t const, 1>();
    auto const count = args.count.view<std::int32_t const, 1>();
    std::int32_t* const ptr = args.row_ptr.flat<std::int32_t>().data;
    for_each(ctx, "rows_of_events", row.size(),
             [=] __device__(std::int64_t b) { ptr[b + 1] = row[b] < 0 ? 0 : count[row[b]]; });
    add_up(ctx, "take_row_ptr", ptr, row.size(), nullptr);
}

void take_ragged(Context& ctx, TakeRaggedArgs const& args)
{
    auto const row = args.row.view<std::int32_t const, 1>();
    auto const first = args.first.view<std::int64_t const, 1>();
    auto const ptr = args.row_ptr.view<std::int32_t const, 1>();
    ColumnScaling const scaling(args.mean, args.scale_inverse);
    dispatch_convert(args.data.dtype, args.y.dtype, [&]<class T, class Y> {
        auto const y = args.y.flat<Y>();
        launch(ctx, {"take_ragged", grid_for(y.size(), row.size()), kThreads},
               take_ragged_kernel<T, Y>, row, first.data, ptr.data, args.data.flat<T const>().data,
               scaling, row_size(args.y), y.data);
    });
}
}  // namespace calofuse::cuda
