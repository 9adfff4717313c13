#include "kernels/dense/batch_norm.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
void check(BatchNormArgs const& args)
{
    CALOFUSE_CHECK(args.x.rank == 2, "x is " << args.x.describe() << ", wanted (N, C)");
    std::int64_t const channels = args.x.shape[1];
    check_tensor(args.x, DType::f32, {args.x.shape[0], channels}, "x");
    check_tensor(args.gamma, DType::f32, {channels}, "gamma");
    check_tensor(args.beta, DType::f32, {channels}, "beta");
    check_tensor(args.mean, DType::f32, {channels}, "mean");
    check_tensor(args.variance, DType::f32, {channels}, "variance");
    check_like(args.y, args.x, "y", "x");
    CALOFUSE_CHECK(args.epsilon > 0, "epsilon=" << args.epsilon << " (must be > 0)");
}

void check(BatchNormGradArgs const& args)
{
    CALOFUSE_CHECK(args.x.rank == 2, "x is " << args.x.describe() << ", wanted (N, C)");
    std::int64_t const channels = args.x.shape[1];
    check_tensor(args.x, DType::f32, {args.x.shape[0], channels}, "x");
    check_like(args.dy, args.x, "dy", "x");
    check_tensor(args.gamma, DType::f32, {channels}, "gamma");
    check_tensor(args.mean, DType::f32, {channels}, "mean");
    check_tensor(args.variance, DType::f32, {channels}, "variance");
    if (!args.dx.empty()) check_like(args.dx, args.x, "dx", "x");
    check_tensor(args.dgamma, DType::f32, {channels}, "dgamma");
    check_tensor(args.dbeta, DType::f32, {channels}, "dbeta");
    CALOFUSE_CHECK(args.epsilon > 0, "epsilon=" << args.epsilon << " (must be > 0)");
}
}  // namespace

void batch_norm_forward(Context& ctx, BatchNormArgs const& args)
{
    check(args);
    on_backend(
        ctx, "batch_norm", [&] { cpu::batch_norm_forward(ctx, args); },
        [&] { cuda::batch_norm_forward(ctx, args); });
}

void batch_norm_backward(Context& ctx, BatchNormGradArgs const& args)
{
    check(args);
    on_backend(
        ctx, "batch_norm", [&] { cpu::batch_norm_backward(ctx, args); },
        [&] { cuda::batch_norm_backward(ctx, args); });
}
}  // namespace calofuse
