#include "kernels/data/batch.hpp"

#include "kernels/check.hpp"

namespace calofuse {
void take_batch(Context& ctx, TakeBatchArgs const& args)
{
    CALOFUSE_CHECK(args.batch_size > 0 && args.ring_rows >= 0,
                   "batch_size=" << args.batch_size << ", ring_rows=" << args.ring_rows);
    std::int64_t const rows = args.row.size();
    check_tensor(args.order, DType::i32, {args.order.size()}, "order");
    check_tensor(args.cursor, DType::i64, {4}, "cursor");
    check_tensor(args.position, DType::i64, {2}, "position");
    check_tensor(args.row, DType::i32, {rows}, "row");
    check_tensor(args.num_valid, DType::i64, {1}, "num_valid");
    if (!args.label.empty()) {
        check_tensor(args.label, DType::u8, {args.label.size()}, "label");
        check_tensor(args.target, DType::f32, {rows}, "target");
    }
    on_backend(
        ctx, "take_batch", [&] { cpu::take_batch(ctx, args); },
        [&] { cuda::take_batch(ctx, args); });
}

void finish_batch(Context& ctx, FinishBatchArgs const& args)
{
    CALOFUSE_CHECK(args.batch_size > 0, "batch_size=" << args.batch_size);
    std::int64_t const n = args.kept_logits.size();
    check_tensor(args.num_valid, DType::i64, {1}, "num_valid");
    check_tensor(args.logits, DType::f32, {args.logits.size()}, "logits");
    check_tensor(args.cursor, DType::i64, {4}, "cursor");
    check_tensor(args.kept_logits, DType::f32, {n}, "kept_logits");
    if (!args.loss.empty()) {
        std::int64_t const steps = args.kept_losses.size();
        check_tensor(args.loss, DType::f32, {1}, "loss");
        check_tensor(args.kept_losses, DType::f64, {steps}, "kept_losses");
        CALOFUSE_CHECK(steps * args.batch_size >= n,
                       steps << " losses for " << n << " events in batches of " << args.batch_size);
    }
    on_backend(
        ctx, "finish_batch", [&] { cpu::finish_batch(ctx, args); },
        [&] { cuda::finish_batch(ctx, args); });
}
}  // namespace calofuse
