#include "kernels/optim/sgd.hpp"

#include "kernels/check.hpp"

namespace calofuse {
void sgd_update(Context& ctx, SgdArgs const& args)
{
    check_tensor(args.w, DType::f32, {args.w.shape[0]}, "w");
    check_like(args.dw, args.w, "dw", "w");
    if (args.momentum > 0 || !args.m.empty()) check_like(args.m, args.w, "m", "w");
    check_tensor(args.learning_rate, DType::f64, {1}, "learning_rate");
    CALOFUSE_CHECK(args.momentum >= 0 && args.momentum < 1,
                   "momentum=" << args.momentum << " (must be in [0, 1))");
    CALOFUSE_CHECK(args.weight_decay >= 0,
                   "weight_decay=" << args.weight_decay << " (must be >= 0)");
    on_backend(
        ctx, "sgd", [&] { cpu::sgd_update(ctx, args); }, [&] { cuda::sgd_update(ctx, args); });
}
}  // namespace calofuse
