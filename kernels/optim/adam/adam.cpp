#include "kernels/optim/adam.hpp"

#include "kernels/optim/update/adaptive_moments.hpp"

namespace calofuse {
void adam_update(Context& ctx, AdamArgs const& args)
{
    check_adaptive_moments(args, args.v, "v");
    if (!args.vmax.empty()) check_like(args.vmax, args.w, "vmax", "w");
    on_backend(
        ctx, "adam", [&] { cpu::adam_update(ctx, args); }, [&] { cuda::adam_update(ctx, args); });
}
}  // namespace calofuse
