#include "kernels/loss/gce.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
template <class Args>
void check_inputs(Args const& args)
{
    CALOFUSE_CHECK(args.logits.rank == 2 && args.logits.shape[1] >= 1,
                   "logits is " << args.logits.describe() << ", wanted (N, C)");
    std::int64_t const events = args.logits.shape[0];
    check_tensor(args.logits, DType::f32, {events, args.logits.shape[1]}, "logits");
    check_tensor(args.target, DType::i32, {events}, "target");
    if (!args.weight.empty()) check_tensor(args.weight, DType::f32, {events}, "weight");
    CALOFUSE_CHECK(args.q > 0 && args.q <= 1, "q=" << args.q << " (must be in (0, 1])");
}

template <class Args>
std::int64_t num_losses(Args const& args)
{
    return args.reduction == Reduction::none ? args.logits.shape[0] : 1;
}
}  // namespace

void gce_forward(Context& ctx, GceArgs const& args)
{
    check_inputs(args);
    check_tensor(args.loss, DType::f32, {num_losses(args)}, "loss");
    on_backend(
        ctx, "gce", [&] { cpu::gce_forward(ctx, args); }, [&] { cuda::gce_forward(ctx, args); });
}

void gce_backward(Context& ctx, GceGradArgs const& args)
{
    check_inputs(args);
    check_like(args.dlogits, args.logits, "dlogits", "logits");
    if (!args.dloss.empty()) check_tensor(args.dloss, DType::f32, {num_losses(args)}, "dloss");
    on_backend(
        ctx, "gce", [&] { cpu::gce_backward(ctx, args); }, [&] { cuda::gce_backward(ctx, args); });
}
}  // namespace calofuse
