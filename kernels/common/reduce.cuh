/// \file kernels/common/reduce.cuh
/// Sums and maxima over a warp or a block in a fixed order: the same bits on every run.
#pragma once

#include <cstdint>

#include "kernels/common/launch.cuh"

namespace calofuse::cuda {
struct Plus {
    template <class T>
    __device__ T operator()(T a, T b) const
    {
        return a + b;
    }
};
struct Maximum {
    template <class T>
    __device__ T operator()(T a, T b) const
    {
        return a > b ? a : b;
    }
};

/// op over the 32 lanes; every lane gets the result (the butterfly adds the same pairs in all lanes,
/// so for a commutative op all have the same bits). All lanes of the warp must take part.
template <class T, class Op>
__device__ T warp_reduce(T value, Op op)
{
    for (int offset = kWarp / 2; offset > 0; offset /= 2)
        value = op(value, __shfl_xor_sync(kFullMask, value, offset));
    return value;
}
template <class T>
__device__ T warp_sum(T value)
{
    return warp_reduce(value, Plus{});
}
template <class T>
__device__ T warp_max(T value)
{
    return warp_reduce(value, Maximum{});
}

/// op over the kThreads (a multiple of 32) threads of a block; every thread gets the result. Ends with
/// a barrier, so that it can be called again at once.
template <int kThreads, class T, class Op>
__device__ T block_reduce(T value, Op op)
{
    static_assert(kThreads % kWarp == 0);
    constexpr int kWarps = kThreads / kWarp;
    __shared__ T of_warp[kWarps];
    value = warp_reduce(value, op);
    if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = value;
    __syncthreads();
    T out = of_warp[0];
    for (int w = 1; w < kWarps; ++w)
        out = op(out, of_warp[w]);
    __syncthreads();
    return out;
}
template <int kThreads, class T>
__device__ T block_sum(T value)
{
    return block_reduce<kThreads>(value, Plus{});
}

/// out[i] += partial[0][i] + partial[1][i] + .., summed in A; partial is (count, n). How kernels add up
/// over blocks: each block writes its own row, no atomics. Many rows are added in shares of 64 first.
template <class A, class T, class Out>
void add_partials(
    Context& ctx, char const* name, T const* partial, std::int64_t count, std::int64_t n, Out* out)
{
    constexpr std::int64_t kShare = 64;
    if (count <= kShare) {
        for_each(ctx, name, n, [=] __device__(std::int64_t i) {
            A sum = 0;
            for (std::int64_t p = 0; p < count; ++p)
                sum += static_cast<A>(partial[p * n + i]);
            out[i] += static_cast<Out>(sum);
        });
        return;
    }
    std::int64_t const shares = (count + kShare - 1) / kShare;
    auto const memory = ctx.scratch<A>(shares * n);
    A* const sums = memory.data();
    for_each(ctx, name, shares * n, [=] __device__(std::int64_t i) {
        std::int64_t const first = i / n * kShare;
        std::int64_t const end = first + kShare < count ? first + kShare : count;
        A sum = 0;
        for (std::int64_t p = first; p < end; ++p)
            sum += static_cast<A>(partial[p * n + i % n]);
        sums[i] = sum;
    });
    add_partials<A>(ctx, name, static_cast<A const*>(sums), shares, n, out);
}
}  // namespace calofuse::cuda
