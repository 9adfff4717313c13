// A few bytes per event: the time is that of the launches.
#include "kernels/data/cursor/math.hpp"
#include "kernels/device/launch.cuh"

namespace calofuse::cuda {
void next_batch(Context& ctx, NextBatchArgs const& args)
{
    BatchAtCursor const take(args);
    for_each(ctx, "next_batch", take.rows, [=] __device__(std::int64_t p) { take(p); });
}

void keep_batch(Context& ctx, KeepBatchArgs const& args)
{
    auto const cursor = args.cursor.flat<std::int64_t>();
    auto const output = args.output.view<float const, 2>();
    auto const kept = args.kept_output.view<float, 2>();
    auto const num_valid = args.num_valid.flat<std::int64_t const>();
    for_each(ctx, "keep_output", output.size(), [=] __device__(std::int64_t i) {
        std::int64_t const width = output.shape[1];
        if (i < num_valid[0] * width) kept[cursor[2] * width + i] = output[i];
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
        advance_cursor(cursor.data, valid, batch_size);
    });
}
}  // namespace calofuse::cuda
