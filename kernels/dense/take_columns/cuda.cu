#include "kernels/dense/take_columns.hpp"
#include "kernels/device/launch.cuh"

// A thread per element of the narrow rows; 8 B forward, 12 B backward.
namespace calofuse::cuda {
void take_columns_forward(Context& ctx, TakeColumnsArgs const& args)
{
    auto const x = args.x.view<float const, 2>();
    auto const y = args.y.view<float, 2>();
    std::int64_t const first = args.first;
    for_each(ctx, "take_columns_forward", y.size(),
             [=] __device__(std::int64_t i) { y[i] = x(i / y.shape[1], first + i % y.shape[1]); });
}

void take_columns_backward(Context& ctx, TakeColumnsGradArgs const& args)
{
    auto const dx = args.dx.view<float, 2>();
    auto const dy = args.dy.view<float const, 2>();
    std::int64_t const first = args.first;
    for_each(ctx, "take_columns_backward", dy.size(), [=] __device__(std::int64_t i) {
        dx(i / dy.shape[1], first + i % dy.shape[1]) += dy[i];
    });
}
}  // namespace calofuse::cuda
