// A few hundred bytes an event: the time is that of two launches.
#include "kernels/data/batch/math.hpp"
#include "kernels/device/launch.cuh"

namespace calofuse::cuda {
void take_batch(Context& ctx, TakeBatchArgs const& args)
{
    BatchTaker const take(args);
    for_each(ctx, "take_batch", take.rows, [=] __device__(std::int64_t p) { take(p); });
}

void finish_batch(Context& ctx, FinishBatchArgs const& args)
{
    auto const cursor = args.cursor.flat<std::int64_t>();
    auto const logits = args.logits.flat<float const>();
    auto const kept = args.kept_logits.flat<float>();
    auto const num_valid = args.num_valid.flat<std::int64_t const>();
    for_each(ctx, "keep_logits", logits.size(), [=] __device__(std::int64_t p) {
        if (p < num_valid[0]) kept[cursor[2] + p] = logits[p];
    });
    bool const with_loss = !args.loss.empty();
    float const* const loss = with_loss ? args.loss.flat<float const>().data : nullptr;
    double* const losses = with_loss ? args.kept_losses.flat<double>().data : nullptr;
    std::int64_t const batch_size = args.batch_size;
    // A launch of its own: the cursor moves when all threads above have read it.
    for_each(ctx, "move_cursor", 1, [=] __device__(std::int64_t) {
        std::int64_t const valid = num_valid[0];
        if (loss != nullptr && valid > 0)
            losses[cursor[2] / batch_size] += static_cast<double>(*loss);
        move_on(cursor.data, valid, batch_size);
    });
}
}  // namespace calofuse::cuda
