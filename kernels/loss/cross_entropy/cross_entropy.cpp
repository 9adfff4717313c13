#include "kernels/loss/cross_entropy.hpp"

#include "kernels/loss/events/events.hpp"

namespace calofuse {
namespace {
template <class Args>
void check_inputs(Args const& args)
{
    CALOFUSE_CHECK(args.x.rank == 2, "x is " << args.x.describe() << ", wanted (N, C)");
    std::int64_t const events = args.x.shape[0], classes = args.x.shape[1];
    check_tensor(args.x, DType::f32, {events, classes}, "x");
    check_elements(args.target, DType::i32, events, "target");
    CALOFUSE_CHECK(classes >= 2, classes << " classes (needs 2)");
    check_events(args);
    if (!args.class_weight.empty())
        check_tensor(args.class_weight, DType::f32, {classes}, "class_weight");
    CALOFUSE_CHECK(args.label_smoothing >= 0 && args.label_smoothing <= 1,
                   "label_smoothing=" << args.label_smoothing << " (must be in [0, 1])");
}
}  // namespace

void cross_entropy_forward(Context& ctx, CrossEntropyArgs const& args)
{
    check_inputs(args);
    check_losses(args, args.loss, "loss");
    on_backend(
        ctx, "cross_entropy", [&] { cpu::cross_entropy_forward(ctx, args); },
        [&] { cuda::cross_entropy_forward(ctx, args); });
}

void cross_entropy_backward(Context& ctx, CrossEntropyGradArgs const& args)
{
    check_inputs(args);
    check_gradient(args);
    on_backend(
        ctx, "cross_entropy", [&] { cpu::cross_entropy_backward(ctx, args); },
        [&] { cuda::cross_entropy_backward(ctx, args); });
}
}  // namespace calofuse
