#include "kernels/dense/concat.hpp"
#include "kernels/device/launch.cuh"

namespace calofuse::cuda {
namespace {
/// One thread per element of y.
struct Forward {
    View<float const, 2> a, b;
    View<float, 2> y;
    __device__ void operator()(std::int64_t i) const
    {
        std::int64_t const n = i / y.shape[1], c = i % y.shape[1];
        y.data[i] = c < a.shape[1] ? a(n, c) : b(n, c - a.shape[1]);
    }
};
/// One thread per element of the part, which is columns from .. of dy.
struct AddPart {
    View<float const, 2> dy;
    std::int64_t from;
    View<float, 2> part;
    __device__ void operator()(std::int64_t i) const
    {
        part.data[i] += dy(i / part.shape[1], from + i % part.shape[1]);
    }
};

void add_part(Context& ctx, TensorRef const& dy, std::int64_t from, TensorRef const& part)
{
    auto const out = part.view<float, 2>();
    for_each(ctx, "concat_backward", out.size(), AddPart{dy.view<float const, 2>(), from, out});
}
}  // namespace

void concat_forward(Context& ctx, ConcatArgs const& args)
{
    auto const y = args.y.view<float, 2>();
    for_each(ctx, "concat_forward", y.size(),
             Forward{args.a.view<float const, 2>(), args.b.view<float const, 2>(), y});
}

void concat_backward(Context& ctx, ConcatGradArgs const& args)
{
    if (!args.da.empty()) add_part(ctx, args.dy, 0, args.da);
    if (!args.db.empty()) add_part(ctx, args.dy, args.dy.shape[1] - args.db.shape[1], args.db);
}
}  // namespace calofuse::cuda
