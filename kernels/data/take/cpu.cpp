#include <algorithm>

#include "kernels/data/convert/convert.hpp"
#include "kernels/data/take.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
void take(Context& ctx, TakeArgs const& args)
{
    constexpr std::int64_t kElements = 16384;  // of a chunk
    auto const row = args.row.view<std::int32_t const, 1>();
    ColumnScaling const scaling(args.mean, args.scale_inverse);
    std::int64_t const width = row_size(args.y);
    std::int64_t const rows_per_chunk =
        std::max<std::int64_t>(1, kElements / std::max<std::int64_t>(1, width));
    dispatch_convert(args.data.dtype, args.y.dtype, [&]<class T, class Y> {
        auto const data = args.data.flat<T const>();
        auto const y = args.y.flat<Y>();
        parallel_chunks(ctx, row.size(), rows_per_chunk,
                        [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                            for (std::int64_t b = begin; b < end; ++b) {
                                Y* const to = y.data + b * width;
                                if (row[b] < 0)
                                    std::fill_n(to, width, Y{0});
                                else
                                    scaling.convert_rows(data.data + row[b] * width, 1, width, to);
                            }
                        });
    });
}
}  // namespace calofuse::cpu
