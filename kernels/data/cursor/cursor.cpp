#include "kernels/data/cursor.hpp"

#include "kernels/check.hpp"

namespace calofuse {
void next_batch(Context& ctx, NextBatchArgs const& args)
{
    CALOFUSE_CHECK(args.batch_size > 0, "batch_size=" << args.batch_size);
    CALOFUSE_CHECK(
        args.ring.chunk == 0 || (args.ring.slots > 0 && args.ring.stride >= args.ring.chunk),
        "a ring of " << args.ring.slots << " slots of " << args.ring.stride << " rows");
    check_tensor(args.order, DType::i32, {args.order.size()}, "order");
    check_tensor(args.cursor, DType::i64, {4}, "cursor");
    check_tensor(args.position, DType::i64, {2}, "position");
    check_tensor(args.row, DType::i32, {args.row.size()}, "row");
    check_tensor(args.num_valid, DType::i64, {1}, "num_valid");
    on_backend(
        ctx, "next_batch", [&] { cpu::next_batch(ctx, args); },
        [&] { cuda::next_batch(ctx, args); });
}

void keep_batch(Context& ctx, KeepBatchArgs const& args)
{
    CALOFUSE_CHECK(args.batch_size > 0, "batch_size=" << args.batch_size);
    CALOFUSE_CHECK(args.output.rank == 2, "output is " << args.output.describe());
    std::int64_t const n = args.kept_output.shape[0], width = args.output.shape[1];
    check_tensor(args.num_valid, DType::i64, {1}, "num_valid");
    check_tensor(args.output, DType::f32, {args.output.shape[0], width}, "output");
    check_tensor(args.cursor, DType::i64, {4}, "cursor");
    check_tensor(args.kept_output, DType::f32, {n, width}, "kept_output");
    if (!args.loss.empty()) {
        std::int64_t const steps = args.kept_losses.size();
        check_tensor(args.loss, DType::f32, {1}, "loss");
        check_tensor(args.kept_losses, DType::f64, {steps}, "kept_losses");
        CALOFUSE_CHECK(steps * args.batch_size >= n,
                       steps << " losses for " << n << " events in batches of " << args.batch_size);
    }
    on_backend(
        ctx, "keep_batch", [&] { cpu::keep_batch(ctx, args); },
        [&] { cuda::keep_batch(ctx, args); });
}
}  // namespace calofuse
