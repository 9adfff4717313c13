// Three passes: squares summed in double by blocks of fixed shares, their sum and the factor by one
// block, the product. Bound by memory: 12 bytes an element, 4 where nothing is clipped.
#include <cmath>

#include "kernels/common/launch.cuh"
#include "kernels/common/reduce.cuh"
#include "kernels/optim/clip.hpp"

namespace calofuse::cuda {
namespace {
constexpr int kThreads = 256;
constexpr int kPerBlock = 16 * kThreads;

__global__ void __launch_bounds__(kThreads)
    squares_kernel(View<float const, 1> dw, double* of_block)
{
    std::int64_t const begin = std::int64_t{blockIdx.x} * kPerBlock;
    std::int64_t const end = begin + kPerBlock < dw.size() ? begin + kPerBlock : dw.size();
    double sum = 0;
    for (std::int64_t i = begin + threadIdx.x; i < end; i += kThreads) {
        auto const g = static_cast<double>(dw.data[i]);
        sum += g * g;
    }
    sum = block_sum<kThreads>(sum);
    if (threadIdx.x == 0) of_block[blockIdx.x] = sum;
}

/// `factor` 1: nothing to do.
__global__ void __launch_bounds__(kThreads)
    norm_kernel(double const* of_block, std::int64_t blocks, ClipArgs args, float* factor)
{
    double sum = 0;
    for (std::int64_t b = threadIdx.x; b < blocks; b += kThreads)
        sum += of_block[b];
    double const norm = std::sqrt(block_sum<kThreads>(sum));
    if (threadIdx.x != 0) return;
    *static_cast<float*>(args.norm.data) = static_cast<float>(norm);
    double const ratio = args.max_norm / (args.rule == ClipRule::torch ? norm + 1e-6 : norm);
    *factor = ratio >= 1 ? 1.0F : static_cast<float>(ratio);  // a NaN norm spreads, to be seen
}

struct Scale {
    View<float, 1> dw;
    float const* factor;
    __device__ void operator()(std::int64_t i) const
    {
        float const f = *factor;
        if (f != 1.0F) dw.data[i] *= f;
    }
};
}  // namespace

void clip_by_norm(Context& ctx, ClipArgs const& args)
{
    auto const dw = args.dw.view<float, 1>();
    unsigned const blocks = blocks_for(dw.size(), kPerBlock);
    auto const of_block = ctx.scratch<double>(blocks);
    auto const factor = ctx.scratch<float>(1);
    launch(ctx, {"clip_squares", blocks, kThreads}, squares_kernel,
           View<float const, 1>{dw.data, {dw.size()}}, of_block.data());
    launch(ctx, {"clip_norm", 1, kThreads}, norm_kernel, of_block.data(), std::int64_t{blocks},
           args, factor.data());
    for_each(ctx, "clip_scale", dw.size(), Scale{dw, factor.data()});
}
}  // namespace calofuse::cuda
