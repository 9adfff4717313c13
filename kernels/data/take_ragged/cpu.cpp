#include "kernels/data/convert/convert.hpp"
#include "kernels/data/take_ragged.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
void take_row_ptr(Context&, TakeRowPtrArgs const& args)
{
    auto const row = args.row.view<std::int32_t const, 1>();
    auto const count = args.count.view<std::int32_t const, 1>();
    auto const ptr = args.row_ptr.view<std::int32_t, 1>();
    ptr[0] = 0;
    for (std::int64_t b = 0; b < row.size(); ++b)
        ptr[b + 1] = ptr[b] + (row[b] < 0 ? 0 : count[row[b]]);
}

void take_ragged(Context& ctx, TakeRaggedArgs const& args)
{
    auto const row = args.row.view<std::int32_t const, 1>();
    auto const first = args.first.view<std::int64_t const, 1>();
    auto const ptr = args.row_ptr.view<std::int32_t const, 1>();
    ColumnScaling const scaling(args.mean, args.scale_inverse);
    std::int64_t const width = row_size(args.y);
    dispatch_convert(args.data.dtype, args.y.dtype, [&]<class T, class Y> {
        auto const data = args.data.flat<T const>();
        auto const y = args.y.flat<Y>();
        parallel_for(ctx, row.size(), [&](std::int64_t b) {
            if (row[b] < 0) return;
            scaling.convert_rows(data.data + first[row[b]] * width, ptr[b + 1] - ptr[b], width,
                                 y.data + ptr[b] * width);
        });
    });
}
}  // namespace calofuse::cpu
