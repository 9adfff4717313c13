#include "kernels/optim/clip.hpp"

#include "kernels/check.hpp"

namespace calofuse {
void clip_by_norm(Context& ctx, ClipArgs const& args)
{
    check_tensor(args.dw, DType::f32, {args.dw.shape[0]}, "dw");
    check_tensor(args.norm, DType::f32, {1}, "norm");
    CALOFUSE_CHECK(args.max_norm > 0, "max_norm=" << args.max_norm << " (must be > 0)");
    on_backend(
        ctx, "clip", [&] { cpu::clip_by_norm(ctx, args); }, [&] { cuda::clip_by_norm(ctx, args); });
}
}  // namespace calofuse
