#include <algorithm>

#include "kernels/data/cursor/math.hpp"

namespace calofuse::cpu {
void next_batch(Context&, NextBatchArgs const& args)
{
    BatchAtCursor const take(args);
    for (std::int64_t p = 0; p < take.rows; ++p)
        take(p);
}

void keep_batch(Context&, KeepBatchArgs const& args)
{
    auto const cursor = args.cursor.flat<std::int64_t>();
    auto const output = args.output.view<float const, 2>();
    auto const kept = args.kept_output.view<float, 2>();
    std::int64_t const valid = args.num_valid.flat<std::int64_t const>()[0];
    std::int64_t const width = output.shape[1];
    std::copy_n(output.data, valid * width, kept.data + cursor[2] * width);
    if (!args.loss.empty() && valid > 0)
        args.kept_losses.flat<double>()[cursor[2] / args.batch_size] +=
            static_cast<double>(args.loss.flat<float const>()[0]);
    advance_cursor(cursor.data, valid, args.batch_size);
}
}  // namespace calofuse::cpu
