#include "kernels/focalh/hit_features.hpp"
#include "kernels/focalh/hits/cells.cuh"

// One warp an event, lanes over its hits. Memory: 2 KB an event and 108 bytes a hit.
namespace calofuse::cuda {
namespace {
constexpr int kWarps = 4;

__global__ __launch_bounds__(kWarps* kWarp) void hit_features_kernel(View<float const, 2> a,
                                                                     std::int32_t const* label,
                                                                     std::int32_t const* row_ptr,
                                                                     float* x,
                                                                     float* position,
                                                                     float* energy)
{
    __shared__ HitCells cells[kWarps];
    __shared__ float stages[kWarps][kStage];
    std::int64_t const b = std::int64_t{blockIdx.x} * kWarps + warp_index();
    if (b >= a.shape[0]) return;
    HitCells& e = cells[warp_index()];
    std::int64_t const row = row_ptr[b];
    set_energies(e, [&](int k) { return a(b, k); });
    for_cells([&](int k) {
        std::int32_t const hit = k < kNumCells ? label[b * kNumCells + k] : -1;
        e.label[k] = hit < 0 ? kNoHit : static_cast<std::uint8_t>(hit);
    });
    __syncwarp();
    auto const keep = [&](int hit, HitPosition const& p, HitSums const& s, float const*) {
        position[2 * (row + hit)] = p.x;
        position[2 * (row + hit) + 1] = p.y;
        if (energy != nullptr) energy[row + hit] = static_cast<float>(s.sum);
    };
    write_hits(e, static_cast<int>(row_ptr[b + 1] - row), stages[warp_index()],
               x + row * kNumHitFeatures, keep);
}
}  // namespace

void hit_features(Context& ctx, HitFeaturesArgs const& args)
{
    auto const a = args.a.view<float const, 2>();
    launch(ctx, {"hit_features", blocks_for(a.shape[0], kWarps), kWarps * kWarp},
           hit_features_kernel, a, args.label.flat<std::int32_t const>().data,
           args.row_ptr.flat<std::int32_t const>().data, args.x.flat<float>().data,
           args.position.flat<float>().data, static_cast<float*>(args.energy.data));
}
}  // namespace calofuse::cuda
