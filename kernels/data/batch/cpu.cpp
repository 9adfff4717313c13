#include <algorithm>

#include "kernels/data/batch/math.hpp"

namespace calofuse::cpu {
void take_batch(Context&, TakeBatchArgs const& args)
{
    BatchTaker const take(args);
    for (std::int64_t p = 0; p < take.rows; ++p)
        take(p);
}

void finish_batch(Context&, FinishBatchArgs const& args)
{
    auto const cursor = args.cursor.flat<std::int64_t>();
    auto const logits = args.logits.flat<float const>();
    auto const kept = args.kept_logits.flat<float>();
    std::int64_t const valid = args.num_valid.flat<std::int64_t const>()[0];
    std::copy_n(logits.data, valid, kept.data + cursor[2]);
    if (!args.loss.empty() && valid > 0)
        args.kept_losses.flat<double>()[cursor[2] / args.batch_size] +=
            static_cast<double>(args.loss.flat<float const>()[0]);
    move_on(cursor.data, valid, args.batch_size);
}
}  // namespace calofuse::cpu
