#include "kernels/optim/adamax.hpp"

#include "kernels/optim/update/adaptive_moments.hpp"

namespace calofuse {
void adamax_update(Context& ctx, AdamaxArgs const& args)
{
    check_adaptive_moments(args, args.u, "u");
    on_backend(
        ctx, "adamax", [&] { cpu::adamax_update(ctx, args); },
        [&] { cuda::adamax_update(ctx, args); });
}
}  // namespace calofuse
