#include "kernels/loss/cross_entropy.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
template <class Args>
void check_inputs(Args const& args)
{
    CALOFUSE_CHECK(args.logits.rank == 2,
                   "logits is " << args.logits.describe() << ", wanted (N, C)");
    std::int64_t const events = args.logits.shape[0], classes = args.logits.shape[1];
    check_tensor(args.logits, DType::f32, {events, classes}, "logits");
    check_tensor(args.target, DType::i32, {events}, "target");
    CALOFUSE_CHECK(classes >= 2, classes << " classes (needs 2)");
    if (!args.weight.empty()) check_tensor(args.weight, DType::f32, {events}, "weight");
    if (!args.class_weight.empty())
        check_tensor(args.class_weight, DType::f32, {classes}, "class_weight");
    CALOFUSE_CHECK(args.label_smoothing >= 0 && args.label_smoothing <= 1,
                   "label_smoothing=" << args.label_smoothing << " (must be in [0, 1])");
}

template <class Args>
std::int64_t num_losses(Args const& args)
{
    return args.reduction == Reduction::none ? args.logits.shape[0] : 1;
}
}  // namespace

void cross_entropy_forward(Context& ctx, CrossEntropyArgs const& args)
{
    check_inputs(args);
    check_tensor(args.loss, DType::f32, {num_losses(args)}, "loss");
    on_backend(
        ctx, "cross_entropy", [&] { cpu::cross_entropy_forward(ctx, args); },
        [&] { cuda::cross_entropy_forward(ctx, args); });
}

void cross_entropy_backward(Context& ctx, CrossEntropyGradArgs const& args)
{
    check_inputs(args);
    check_like(args.dlogits, args.logits, "dlogits", "logits");
    if (!args.dloss.empty()) check_tensor(args.dloss, DType::f32, {num_losses(args)}, "dloss");
    on_backend(
        ctx, "cross_entropy", [&] { cpu::cross_entropy_backward(ctx, args); },
        [&] { cuda::cross_entropy_backward(ctx, args); });
}
}  // namespace calofuse
