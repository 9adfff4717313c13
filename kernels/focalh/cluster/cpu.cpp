#include <algorithm>

#include "kernels/focalh/cluster.hpp"
#include "kernels/focalh/hits/cells.hpp"
#include "runtime/focalh/channel_map.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
void cluster(Context& ctx, ClusterArgs const& args)
{
    constexpr std::int64_t kEventsPerItem = 32;
    auto const a = args.a.view<float const, 2>();
    auto const label = args.label.view<std::int32_t, 2>();
    auto const row_ptr = args.row_ptr.view<std::int32_t, 1>();
    float const* const noise = args.noise.empty() ? nullptr : args.noise.flat<float const>().data;
    float limit[kPaddedCells];
    cell_limits(args.options.threshold_adc, noise, args.channels.flat<std::int32_t const>().data,
                limit);
    parallel_chunks(ctx, a.shape[0], kEventsPerItem, [&](auto begin, auto end, auto) {
        EventHits hits;
        for (std::int64_t b = begin; b < end; ++b) {
            find_hits(args.options, limit, a.data + b * kNumCells, hits);
            std::int32_t* const out = label.data + b * kNumCells;
            std::fill_n(out, kNumCells, -1);
            for (int i = 0; i < hits.num_cells; ++i)
                out[hits.cell[i]] = hits.hit[i];
            row_ptr[b + 1] = hits.num_hits;
        }
    });
    row_ptr[0] = 0;
    for (std::int64_t b = 0; b < a.shape[0]; ++b)
        row_ptr[b + 1] += row_ptr[b];
}
}  // namespace calofuse::cpu
