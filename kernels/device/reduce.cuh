/// \file kernels/device/reduce.cuh
/// Sums, maxima and running sums over a warp or a block in a fixed order: the same bits on every run.
#pragma once

#include <cstdint>

#include "kernels/device/launch.cuh"

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
    if (lane_index() == 0) of_warp[warp_index()] = value;
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

/// Sum over the lanes of a warp up to this one.
template <class T>
__device__ T warp_scan(T value)
{
    int const lane = lane_index();
    for (int offset = 1; offset < kWarp; offset *= 2) {
        T const below = __shfl_up_sync(kFullMask, value, offset);
        if (lane >= offset) value += below;
    }
    return value;
}

/// Sum over the threads of a block before this one, and over all; each of the kThreads must take part.
template <int kThreads, class T>
__device__ T sum_before(T value, T* total)
{
    constexpr int kWarps = kThreads / kWarp;
    static_assert(kThreads % kWarp == 0 && kWarps <= kWarp);
    __shared__ T of_warp[kWarps];
    int const warp = warp_index(), lane = lane_index();
    T const upto = warp_scan(value);
    if (lane == kWarp - 1) of_warp[warp] = upto;
    __syncthreads();
    if (warp == 0) {
        T const upto_warp = warp_scan(lane < kWarps ? of_warp[lane] : T{0});
        if (lane < kWarps) of_warp[lane] = upto_warp;
    }
    __syncthreads();
    T before = __shfl_up_sync(kFullMask, upto, 1);
    if (lane == 0) before = 0;
    if (warp > 0) before += of_warp[warp - 1];
    *total = of_warp[kWarps - 1];
    __syncthreads();
    return before;
}
}  // namespace calofuse::cuda
