#include "kernels/focalh/cluster.hpp"

#include "kernels/check.hpp"
#include "runtime/focalh/channel_map.hpp"

namespace calofuse {
namespace {
void check(ClusterArgs const& args)
{
    auto const a = args.a.view<float const, 2>();
    check_tensor(args.a, DType::f32, {a.shape[0], kNumCells}, "a");
    check_tensor(args.channels, DType::i32, {kNumCells}, "channels");
    if (!args.noise.empty()) check_tensor(args.noise, DType::f32, {kNumChannels}, "noise");
    check_tensor(args.label, DType::i32, {a.shape[0], kNumCells}, "label");
    check_tensor(args.row_ptr, DType::i32, {a.shape[0] + 1}, "row_ptr");
    check_hit_options(args.options);
}
}  // namespace

void cluster(Context& ctx, ClusterArgs const& args)
{
    check(args);
    on_backend(
        ctx, "cluster", [&] { cpu::cluster(ctx, args); }, [&] { cuda::cluster(ctx, args); });
}
}  // namespace calofuse
