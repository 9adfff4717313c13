#include "kernels/data/take_ragged.hpp"

#include "kernels/data/convert/convert.hpp"

namespace calofuse {
void take_row_ptr(Context& ctx, TakeRowPtrArgs const& args)
{
    std::int64_t const events = args.row.size();
    check_tensor(args.row, DType::i32, {events}, "row");
    check_tensor(args.count, DType::i32, {args.count.size()}, "count");
    check_tensor(args.row_ptr, DType::i32, {events + 1}, "row_ptr");
    on_backend(
        ctx, "take_row_ptr", [&] { cpu::take_row_ptr(ctx, args); },
        [&] { cuda::take_row_ptr(ctx, args); });
}

void take_ragged(Context& ctx, TakeRaggedArgs const& args)
{
    std::int64_t const events = args.row.size();
    check_tensor(args.row, DType::i32, {events}, "row");
    check_tensor(args.first, DType::i64, {args.first.size()}, "first");
    check_tensor(args.row_ptr, DType::i32, {events + 1}, "row_ptr");
    check_convert(args.data, args.mean, args.scale_inverse, args.y);
    on_backend(
        ctx, "take_ragged", [&] { cpu::take_ragged(ctx, args); },
        [&] { cuda::take_ragged(ctx, args); });
}
}  // namespace calofuse
