/// \file kernels/data/cursor/math.hpp
/// One element of the operators of cursor.hpp, for both backends.
#pragma once

#include "kernels/data/cursor.hpp"

namespace calofuse {
/// NextBatchArgs for loops over p.
struct BatchAtCursor {
    std::int32_t const* order;
    std::int64_t const* cursor;
    std::int64_t rows, batch_size;
    RowRing ring;
    std::int32_t* row;
    std::int64_t *num_valid, *position;

    explicit BatchAtCursor(NextBatchArgs const& args)
        : order(args.order.flat<std::int32_t const>().data)
        , cursor(args.cursor.flat<std::int64_t const>().data)
        , rows(args.row.size())
        , batch_size(args.batch_size)
        , ring(args.ring)
        , row(args.row.flat<std::int32_t>().data)
        , num_valid(args.num_valid.flat<std::int64_t>().data)
        , position(args.position.flat<std::int64_t>().data)
    {}
    CALOFUSE_HD void operator()(std::int64_t p) const
    {
        std::int64_t const place = cursor[2], left = cursor[3] - cursor[2];
        std::int64_t valid = batch_size - cursor[1];
        valid = valid < left ? valid : left;
        valid = valid < rows ? valid : rows;
        std::int32_t taken = -1;
        if (p < valid)
            taken = ring.chunk > 0 ? static_cast<std::int32_t>(ring.row_of(place + p))
                                   : order[place + p];
        row[p] = taken;
        if (p > 0) return;
        *num_valid = valid > 0 ? valid : 0;
        position[0] = cursor[0];
        position[1] = cursor[1];
    }
};

/// The last act of keep_batch, once all outputs are kept.
CALOFUSE_HD inline void advance_cursor(std::int64_t* cursor,
                                       std::int64_t valid,
                                       std::int64_t batch_size)
{
    cursor[1] += valid;
    cursor[2] += valid;
    if (cursor[1] < batch_size && cursor[2] < cursor[3]) return;
    cursor[1] = 0;
    ++cursor[0];
}
}  // namespace calofuse
