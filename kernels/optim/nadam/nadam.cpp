#include "kernels/optim/nadam.hpp"

#include "kernels/optim/update/adaptive_moments.hpp"

namespace calofuse {
void nadam_update(Context& ctx, NadamArgs const& args)
{
    check_adaptive_moments(args, args.v, "v");
    check_tensor(args.schedule, DType::f64, {1}, "schedule");
    CALOFUSE_CHECK(args.momentum_decay >= 0,
                   "momentum_decay=" << args.momentum_decay << " (must be >= 0)");
    on_backend(
        ctx, "nadam", [&] { cpu::nadam_update(ctx, args); },
        [&] { cuda::nadam_update(ctx, args); });
}
}  // namespace calofuse
