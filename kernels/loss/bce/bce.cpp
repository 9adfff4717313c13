#include "kernels/loss/bce.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
void check_elements(TensorRef const& t, std::int64_t count, char const* name)
{
    CALOFUSE_CHECK(t.dtype == DType::f32 && t.size() == count && (count == 0 || !t.empty()),
                   name << " is " << t.describe() << ", wanted " << count << " elements f32");
}

template <class Args>
void check_inputs(Args const& args)
{
    std::int64_t const events = args.logits.size();
    CALOFUSE_CHECK(args.logits.rank == 1 || (args.logits.rank == 2 && args.logits.shape[1] == 1),
                   "logits is " << args.logits.describe() << ", wanted (B) or (B, 1)");
    check_elements(args.logits, events, "logits");
    check_elements(args.target, events, "target");
    if (!args.weight.empty()) check_elements(args.weight, events, "weight");
    if (!args.num_valid.empty()) check_tensor(args.num_valid, DType::i64, {1}, "num_valid");
    CALOFUSE_CHECK(args.pos_weight > 0, "pos_weight=" << args.pos_weight << " (must be > 0)");
    CALOFUSE_CHECK(args.label_smoothing >= 0 && args.label_smoothing <= 1,
                   "label_smoothing=" << args.label_smoothing << " (must be in [0, 1])");
}
}  // namespace

void bce_forward(Context& ctx, BceArgs const& args)
{
    check_inputs(args);
    check_elements(args.loss, args.reduction == Reduction::none ? args.logits.size() : 1, "loss");
    on_backend(
        ctx, "bce", [&] { cpu::bce_forward(ctx, args); }, [&] { cuda::bce_forward(ctx, args); });
}

void bce_backward(Context& ctx, BceGradArgs const& args)
{
    check_inputs(args);
    check_like(args.dlogits, args.logits, "dlogits", "logits");
    if (!args.dloss.empty())
        check_elements(args.dloss, args.reduction == Reduction::none ? args.logits.size() : 1,
                       "dloss");
    on_backend(
        ctx, "bce", [&] { cpu::bce_backward(ctx, args); }, [&] { cuda::bce_backward(ctx, args); });
}
}  // namespace calofuse
