#include "kernels/graph/edge_features.hpp"

#include "kernels/check.hpp"

namespace calofuse {
void edge_features(Context& ctx, EdgeFeaturesArgs const& args)
{
    auto const x = args.x.view<float const, 2>();
    CALOFUSE_CHECK(x.shape[1] >= 1, "x is " << args.x.describe());
    CALOFUSE_CHECK(!args.x.empty() || args.x.size() == 0, "x has no memory");
    check_tensor(args.energy, DType::f32, {x.shape[0]}, "energy");
    auto const row_ptr = args.row_ptr.view<std::int32_t const, 1>();
    CALOFUSE_CHECK(row_ptr.shape[0] >= 1 && row_ptr.data != nullptr,
                   "row_ptr is " << args.row_ptr.describe());
    check_tensor(args.edge_ptr, DType::i32, {x.shape[0] + 1}, "edge_ptr");
    auto const source = args.source.view<std::int32_t const, 1>();
    CALOFUSE_CHECK(source.data != nullptr || source.shape[0] == 0, "source has no memory");
    CALOFUSE_CHECK(args.least_energy > 0, "least energy " << args.least_energy << " (must be > 0)");
    check_tensor(args.features, DType::f32, {source.shape[0], x.shape[1] + 2}, "features");
    on_backend(
        ctx, "edge_features", [&] { cpu::edge_features(ctx, args); },
        [&] { cuda::edge_features(ctx, args); });
}
}  // namespace calofuse
