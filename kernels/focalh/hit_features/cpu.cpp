#include "kernels/focalh/hit_features.hpp"
#include "kernels/focalh/hits/cells.hpp"
#include "runtime/focalh/channel_map.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
EventHits hits_of_labels(float const* a, std::int32_t const* label, std::int32_t num_hits)
{
    EventHits hits;
    hits.total = total_energy(a);
    hits.num_cells = 0;
    hits.num_hits = num_hits;
    for (int k = 0; k < kNumCells; ++k) {
        if (label[k] < 0) continue;
        CALOFUSE_ASSERT(label[k] < num_hits);
        hits.cell[hits.num_cells] = static_cast<std::uint8_t>(k);
        hits.hit[hits.num_cells] = static_cast<std::uint8_t>(label[k]);
        hits.energy[hits.num_cells++] = a[k];
    }
    return hits;
}
}  // namespace

void hit_features(Context& ctx, HitFeaturesArgs const& args)
{
    constexpr std::int64_t kEventsPerItem = 32;
    auto const a = args.a.view<float const, 2>();
    auto const label = args.label.view<std::int32_t const, 2>();
    auto const row_ptr = args.row_ptr.view<std::int32_t const, 1>();
    auto const x = args.x.view<float, 2>();
    auto const position = args.position.view<float, 2>();
    float* const energy = args.energy.empty() ? nullptr : args.energy.flat<float>().data;
    CALOFUSE_ASSERT(row_ptr[a.shape[0]] <= x.shape[0]);
    parallel_chunks(ctx, a.shape[0], kEventsPerItem, [&](auto begin, auto end, auto) {
        for (std::int64_t b = begin; b < end; ++b) {
            std::int64_t const row = row_ptr[b];
            EventHits const hits =
                hits_of_labels(a.data + b * kNumCells, label.data + b * kNumCells,
                               static_cast<std::int32_t>(row_ptr[b + 1] - row));
            hit_features(hits, x.data + row * kNumHitFeatures, position.data + 2 * row,
                         energy == nullptr ? nullptr : energy + row);
        }
    });
}
}  // namespace calofuse::cpu
