#include <algorithm>

#include "kernels/focalh/hits/cells.hpp"
#include "kernels/focalh/pedestal.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
void subtract_pedestal(Context& ctx, PedestalArgs const& args)
{
    constexpr std::int64_t kEventsPerItem = 64;
    auto const adc = args.adc.view<std::uint16_t const, 2>();
    auto const rows = args.rows.view<std::int32_t const, 1>();
    auto const channels = args.channels.view<std::int32_t const, 1>();
    auto const pedestal = args.pedestal.view<float const, 1>();
    auto const a = args.a.view<float, 2>();
    parallel_chunks(ctx, rows.size(), kEventsPerItem, [&](auto begin, auto end, auto) {
        for (std::int64_t b = begin; b < end; ++b) {
            float* const out = a.data + b * channels.size();
            CALOFUSE_ASSERT(rows[b] < adc.shape[0]);
            if (rows[b] < 0)
                std::fill_n(out, channels.size(), 0.0F);
            else
                cell_energies(adc.data + rows[b] * adc.shape[1], pedestal.data, channels.data,
                              channels.size(), out);
        }
    });
}
}  // namespace calofuse::cpu
