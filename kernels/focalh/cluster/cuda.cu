#include "kernels/focalh/cluster.hpp"
#include "kernels/focalh/hits/cells.cuh"

// One warp an event: its energies and labels live in shared memory. Memory: 2 KB an event, in and out.
namespace calofuse::cuda {
namespace {
constexpr int kWarps = 4;

__global__ __launch_bounds__(kWarps* kWarp) void cluster_kernel(View<float const, 2> a,
                                                                HitOptions options,
                                                                CellLimits limits,
                                                                std::int32_t* label,
                                                                std::int32_t* row_ptr)
{
    __shared__ HitCells cells[kWarps];
    std::int64_t const b = std::int64_t{blockIdx.x} * kWarps + warp_index();
    if (b >= a.shape[0]) return;
    HitCells& e = cells[warp_index()];
    set_energies(e, [&](int k) { return a(b, k); });
    int const n = find_hits(e, options, limits);
    for_cells([&](int k) {
        if (k < kNumCells) label[b * kNumCells + k] = e.label[k] == kNoHit ? -1 : e.label[k];
    });
    if (lane_index() == 0) row_ptr[b + 1] = n;
}
}  // namespace

void cluster(Context& ctx, ClusterArgs const& args)
{
    auto const a = args.a.view<float const, 2>();
    std::int32_t* const row_ptr = args.row_ptr.flat<std::int32_t>().data;
    CellLimits const limits{args.options.threshold_adc, static_cast<float const*>(args.noise.data),
                            args.channels.flat<std::int32_t const>().data};
    launch(ctx, {"cluster", blocks_for(a.shape[0], kWarps), kWarps * kWarp}, cluster_kernel, a,
           args.options, limits, args.label.flat<std::int32_t>().data, row_ptr);
    add_up(ctx, "cluster_rows", row_ptr, a.shape[0], nullptr);
}
}  // namespace calofuse::cuda
