#include "kernels/metric/auc.hpp"

#include "kernels/check.hpp"

namespace calofuse {
void auc(Context& ctx, AucArgs const& args)
{
    std::int64_t const events = args.score.size();
    check_tensor(args.score, DType::f32, {events}, "score");
    check_tensor(args.label, DType::u8, {events}, "label");
    if (!args.weight.empty()) check_tensor(args.weight, DType::f32, {events}, "weight");
    check_tensor(args.auc, DType::f64, {1}, "auc");
    on_backend(
        ctx, "auc", [&] { cpu::auc(ctx, args); }, [&] { cuda::auc(ctx, args); });
}
}  // namespace calofuse
