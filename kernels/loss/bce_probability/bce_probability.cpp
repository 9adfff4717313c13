#include "kernels/loss/bce_probability.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
void check(TensorRef const& p, TensorRef const& target, TensorRef const& weight, double clip)
{
    bool const is_column = p.rank == 1 || (p.rank == 2 && p.shape[1] == 1);
    CALOFUSE_CHECK(is_column && p.dtype == DType::f32, "p is " << p.describe());
    CALOFUSE_CHECK(!p.empty() || p.size() == 0, "p has no memory");
    check_tensor(target.reshaped({target.size()}), DType::f32, {p.size()}, "target");
    if (!weight.empty())
        check_tensor(weight.reshaped({weight.size()}), DType::f32, {p.size()}, "weight");
    CALOFUSE_CHECK(clip > 0 && clip < 0.5, "clip " << clip);
}
}  // namespace

void bce_probability_forward(Context& ctx, BceProbabilityArgs const& args)
{
    check(args.p, args.target, args.weight, args.clip);
    check_tensor(args.loss, DType::f32, {1}, "loss");
    on_backend(
        ctx, "bce_probability_forward", [&] { cpu::bce_probability_forward(ctx, args); },
        [&] { cuda::bce_probability_forward(ctx, args); });
}

void bce_probability_backward(Context& ctx, BceProbabilityGradArgs const& args)
{
    check(args.p, args.target, args.weight, args.clip);
    if (!args.dloss.empty()) check_tensor(args.dloss, DType::f32, {1}, "dloss");
    check_like(args.dp, args.p, "dp", "p");
    on_backend(
        ctx, "bce_probability_backward", [&] { cpu::bce_probability_backward(ctx, args); },
        [&] { cuda::bce_probability_backward(ctx, args); });
}
}  // namespace calofuse
