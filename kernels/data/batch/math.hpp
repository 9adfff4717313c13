/// \file kernels/data/batch/math.hpp
/// One element of the operators of batch.hpp, for both backends.
#pragma once

#include "kernels/data/batch.hpp"

namespace calofuse {
/// TakeBatchArgs for loops over p.
struct BatchTaker {
    std::int32_t const* order;
    std::uint8_t const* label;
    std::int64_t const* cursor;
    std::int64_t rows, batch_size, ring_rows;
    std::int32_t* row;
    float* target;
    std::int64_t *num_valid, *position;

    explicit BatchTaker(TakeBatchArgs const& args)
        : order(args.order.flat<std::int32_t const>().data)
        , label(args.label.empty() ? nullptr : args.label.flat<std::uint8_t const>().data)
        , cursor(args.cursor.flat<std::int64_t const>().data)
        , rows(args.row.size())
        , batch_size(args.batch_size)
        , ring_rows(args.ring_rows)
        , row(args.row.flat<std::int32_t>().data)
        , target(args.label.empty() ? nullptr : args.target.flat<float>().data)
        , num_valid(args.num_valid.flat<std::int64_t>().data)
        , position(args.position.flat<std::int64_t>().data)
    {}
    CALOFUSE_HD void operator()(std::int64_t p) const
    {
        std::int64_t const place = cursor[2], left = cursor[3] - cursor[2];
        std::int64_t valid = batch_size - cursor[1];
        valid = valid < left ? valid : left;
        valid = valid < rows ? valid : rows;
        std::int32_t const event = p < valid ? order[place + p] : -1;
        row[p] = event >= 0 && ring_rows > 0 ? static_cast<std::int32_t>((place + p) % ring_rows)
                                             : event;
        if (label != nullptr) target[p] = event >= 0 && label[event] == 1 ? 1.0F : 0.0F;
        if (p > 0) return;
        *num_valid = valid > 0 ? valid : 0;
        position[0] = cursor[0];
        position[1] = cursor[1];
    }
};

/// The last act of finish_batch, once all logits are kept.
CALOFUSE_HD inline void move_on(std::int64_t* cursor, std::int64_t valid, std::int64_t batch_size)
{
    cursor[1] += valid;
    cursor[2] += valid;
    if (cursor[1] < batch_size && cursor[2] < cursor[3]) return;
    cursor[1] = 0;
    ++cursor[0];
}
}  // namespace calofuse
