#include <algorithm>
#include <cmath>

#include "kernels/graph/edge_softmax.hpp"
#include "kernels/math/float_math.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kSegmentsPerItem = 256;

/// f(first row, end row) over the segments that exist.
template <class F>
void each_segment(Context& ctx, TensorRef const& edge_ptr, TensorRef const& row_ptr, F const& f)
{
    auto const ends = edge_ptr.view<std::int32_t const, 1>();
    std::int64_t const count = row_ptr.empty()
                                   ? ends.size() - 1
                                   : row_ptr.view<std::int32_t const, 1>()[row_ptr.shape[0] - 1];
    parallel_chunks(ctx, count, kSegmentsPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        for (std::int64_t i = begin; i < end; ++i)
                            f(ends[i], ends[i + 1]);
                    });
}
}  // namespace

void edge_softmax_forward(Context& ctx, EdgeSoftmaxArgs const& args)
{
    auto const x = args.x.view<float const, 2>();
    auto const y = args.y.view<float, 2>();
    each_segment(ctx, args.edge_ptr, args.row_ptr, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t h = 0; h < x.shape[1]; ++h) {
            float top = -INFINITY;
            for (std::int64_t e = begin; e < end; ++e)
                top = std::max(top, x(e, h));
            float sum = 1e-16F;
            for (std::int64_t e = begin; e < end; ++e) {
                y(e, h) = exp_float(x(e, h) - top);
                sum += y(e, h);
            }
            for (std::int64_t e = begin; e < end; ++e)
                y(e, h) /= sum;
        }
    });
}

void edge_softmax_backward(Context& ctx, EdgeSoftmaxGradArgs const& args)
{
    auto const y = args.y.view<float const, 2>();
    auto const dy = args.dy.view<float const, 2>();
    auto const dx = args.dx.view<float, 2>();
    each_segment(ctx, args.edge_ptr, args.row_ptr, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t h = 0; h < y.shape[1]; ++h) {
            float average = 0;
            for (std::int64_t e = begin; e < end; ++e)
                average += y(e, h) * dy(e, h);
            for (std::int64_t e = begin; e < end; ++e)
                dx(e, h) += y(e, h) * (dy(e, h) - average);
        }
    });
}
}  // namespace calofuse::cpu
