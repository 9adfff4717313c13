#include "kernels/focalh/hit_features.hpp"

#include "kernels/check.hpp"
#include "runtime/focalh/channel_map.hpp"

namespace calofuse {
namespace {
void check(HitFeaturesArgs const& args)
{
    auto const a = args.a.view<float const, 2>();
    auto const x = args.x.view<float, 2>();
    check_tensor(args.a, DType::f32, {a.shape[0], kNumCells}, "a");
    check_tensor(args.label, DType::i32, {a.shape[0], kNumCells}, "label");
    check_tensor(args.row_ptr, DType::i32, {a.shape[0] + 1}, "row_ptr");
    check_tensor(args.x, DType::f32, {x.shape[0], kNumHitFeatures}, "x");
    check_tensor(args.position, DType::f32, {x.shape[0], 2}, "position");
    if (!args.energy.empty()) check_tensor(args.energy, DType::f32, {x.shape[0]}, "energy");
}
}  // namespace

void hit_features(Context& ctx, HitFeaturesArgs const& args)
{
    check(args);
    on_backend(
        ctx, "hit_features", [&] { cpu::hit_features(ctx, args); },
        [&] { cuda::hit_features(ctx, args); });
}
}  // namespace calofuse
