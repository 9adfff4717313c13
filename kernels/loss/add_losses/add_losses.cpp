#include "kernels/loss/add_losses.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
void check_parts(TensorRef const& part, char const* name)
{
    std::int64_t const heads = part.size();
    CALOFUSE_CHECK(heads >= 1 && heads <= LossFactors::kMost,
                   heads << " losses (must be 1 to " << LossFactors::kMost << ")");
    check_tensor(part, DType::f32, {heads}, name);
}
}  // namespace

void add_losses_forward(Context& ctx, AddLossesArgs const& args)
{
    check_parts(args.part, "part");
    check_tensor(args.loss, DType::f32, {1}, "loss");
    on_backend(
        ctx, "add_losses", [&] { cpu::add_losses_forward(ctx, args); },
        [&] { cuda::add_losses_forward(ctx, args); });
}

void add_losses_backward(Context& ctx, AddLossesGradArgs const& args)
{
    check_parts(args.dpart, "dpart");
    if (!args.dloss.empty()) check_tensor(args.dloss, DType::f32, {1}, "dloss");
    on_backend(
        ctx, "add_losses", [&] { cpu::add_losses_backward(ctx, args); },
        [&] { cuda::add_losses_backward(ctx, args); });
}
}  // namespace calofuse
