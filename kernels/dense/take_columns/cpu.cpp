#include "kernels/dense/take_columns.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
/// f(element of a wide row, element of a narrow row)
template <class F>
void for_pairs(Context& ctx,
               View<float, 2> const& wide,
               View<float, 2> const& narrow,
               std::int64_t first,
               F const& f)
{
    constexpr std::int64_t kRows = 256;  // of one work item
    parallel_chunks(ctx, wide.shape[0], kRows,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        for (std::int64_t n = begin; n < end; ++n)
                            for (std::int64_t i = 0; i < narrow.shape[1]; ++i)
                                f(wide(n, first + i), narrow(n, i));
                    });
}
}  // namespace

void take_columns_forward(Context& ctx, TakeColumnsArgs const& args)
{
    for_pairs(ctx, args.x.view<float, 2>(), args.y.view<float, 2>(), args.first,
              [](float const& x, float& y) { y = x; });
}

void take_columns_backward(Context& ctx, TakeColumnsGradArgs const& args)
{
    for_pairs(ctx, args.dx.view<float, 2>(), args.dy.view<float, 2>(), args.first,
              [](float& dx, float const& dy) { dx += dy; });
}
}  // namespace calofuse::cpu
