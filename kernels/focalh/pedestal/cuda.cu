#include "kernels/device/launch.cuh"
#include "kernels/focalh/hits/cell_energy.hpp"
#include "kernels/focalh/pedestal.hpp"

// One warp an event, lanes over cells. Bound by memory: 512 + 4 K bytes an event.
namespace calofuse::cuda {
namespace {
constexpr int kWarps = 8;

__global__ __launch_bounds__(kWarps* kWarp) void pedestal_kernel(View<std::uint16_t const, 2> adc,
                                                                 View<std::int32_t const, 1> rows,
                                                                 std::int32_t const* channels,
                                                                 float const* pedestal,
                                                                 View<float, 2> a)
{
    std::int64_t const b = std::int64_t{blockIdx.x} * kWarps + warp_index();
    if (b >= rows.size()) return;
    std::int32_t const row = rows[b];
    int const cells = static_cast<int>(a.shape[1]);
    for (int k = lane_index(); k < cells; k += kWarp) {
        std::int32_t const c = channels[k];
        a(b, k) = row < 0 ? 0.0F : cell_energy(adc(row, c), pedestal[c]);
    }
}
}  // namespace

void subtract_pedestal(Context& ctx, PedestalArgs const& args)
{
    auto const rows = args.rows.view<std::int32_t const, 1>();
    launch(ctx, {"subtract_pedestal", blocks_for(rows.size(), kWarps), kWarps * kWarp},
           pedestal_kernel, args.adc.view<std::uint16_t const, 2>(), rows,
           args.channels.flat<std::int32_t const>().data, args.pedestal.flat<float const>().data,
           args.a.view<float, 2>());
}
}  // namespace calofuse::cuda
