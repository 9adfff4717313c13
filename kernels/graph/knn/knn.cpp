#include "kernels/graph/knn.hpp"

#include "kernels/check.hpp"

namespace calofuse {
void knn(Context& ctx, KnnArgs const& args)
{
    auto const x = args.x.view<float const, 2>();
    CALOFUSE_CHECK(x.shape[1] >= 1 && x.shape[1] <= kMaxKnnDims,
                   "x is " << args.x.describe() << ": 1 .. " << kMaxKnnDims << " coordinates");
    CALOFUSE_CHECK(!args.x.empty() || args.x.size() == 0, "x has no memory");
    auto const row_ptr = args.row_ptr.view<std::int32_t const, 1>();
    CALOFUSE_CHECK(row_ptr.shape[0] >= 1 && row_ptr.data != nullptr,
                   "row_ptr is " << args.row_ptr.describe());
    std::int64_t const k = args.neighbours.view<std::int32_t const, 2>().shape[1];
    CALOFUSE_CHECK(k >= 1 && k <= kMaxKnnNeighbours,
                   k << " neighbours (1 .. " << kMaxKnnNeighbours << ")");
    check_tensor(args.neighbours, DType::i32, {x.shape[0], k}, "neighbours");
    if (!args.squared_distance.empty())
        check_tensor(args.squared_distance, DType::f32, {x.shape[0], k}, "squared_distance");
    on_backend(
        ctx, "knn", [&] { cpu::knn(ctx, args); }, [&] { cuda::knn(ctx, args); });
}
}  // namespace calofuse
