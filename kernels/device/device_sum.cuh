/// \file kernels/device/device_sum.cuh
/// One sum in double over many terms, in an order that depends on their number only: the counterpart
/// of kernels/math/ordered_sum.hpp.
#pragma once

#include "kernels/device/reduce.cuh"

namespace calofuse::cuda {
inline constexpr int kSumThreads = 256;
inline constexpr int kSumTerms = 4 * kSumThreads;  ///< of a block

template <class F>
__global__ void __launch_bounds__(kSumThreads, 4)
    device_sum_terms(std::int64_t count, F f, double* of_block)
{
    std::int64_t const begin = std::int64_t{blockIdx.x} * kSumTerms;
    std::int64_t const end = begin + kSumTerms < count ? begin + kSumTerms : count;
    double sum = 0;
    for (std::int64_t i = begin + threadIdx.x; i < end; i += kSumThreads)
        sum += f(i);
    sum = block_sum<kSumThreads>(sum);
    if (threadIdx.x == 0) of_block[blockIdx.x] = sum;
}

template <class G>
__global__ void __launch_bounds__(kSumThreads)
    device_sum_finish(double const* of_block, std::int64_t blocks, G g)
{
    double sum = 0;
    for (std::int64_t b = threadIdx.x; b < blocks; b += kSumThreads)
        sum += of_block[b];
    sum = block_sum<kSumThreads>(sum);
    if (threadIdx.x == 0) g(sum);
}

/// One thread calls g(f(0) + .. + f(count - 1)).
template <class F, class G>
void device_sum(Context& ctx, char const* name, std::int64_t count, F f, G g)
{
    unsigned const blocks = blocks_for(count, kSumTerms);
    auto const of_block = ctx.scratch<double>(blocks);
    launch(ctx, {name, blocks, kSumThreads}, device_sum_terms<F>, count, f, of_block.data());
    launch(ctx, {name, 1, kSumThreads}, device_sum_finish<G>, of_block.data(), blocks, g);
}
}  // namespace calofuse::cuda
