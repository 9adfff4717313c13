/// \file kernels/device/launch.cuh
/// How every kernel is launched: on the context's stream, with its name kept for error messages.
/// Blocks take fixed shares of the work, so results do not depend on the device.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/context.hpp"
#include "runtime/device/cuda_check.cuh"

namespace calofuse::cuda {
inline constexpr int kWarp = 32;
inline constexpr unsigned kFullMask = 0xffffffffU;

/// Of blocks that are one-dimensional. Unsigned until the end: signed remainders cost registers.
__device__ inline int warp_index()
{
    return static_cast<int>(threadIdx.x / kWarp);
}
__device__ inline int lane_index()
{
    return static_cast<int>(threadIdx.x % kWarp);
}
/// A bit for each lane before this one.
__device__ inline unsigned lanes_below()
{
    return (1U << (threadIdx.x % kWarp)) - 1;
}

struct Launch {
    char const* name;
    dim3 grid;               ///< nothing is launched if an extent is 0
    dim3 block;              ///< threads
    std::size_t shared = 0;  ///< dynamic shared memory, bytes
};

/// Blocks of `per_block` items that cover `count`, at most `most` (then the kernel strides).
inline unsigned blocks_for(std::int64_t count, std::int64_t per_block, std::int64_t most = 1 << 30)
{
    return static_cast<unsigned>(std::min((count + per_block - 1) / per_block, most));
}

template <class... P, class... A>
void launch(Context& ctx, Launch const& how, void (*kernel)(P...), A const&... args)
{
    if (how.grid.x == 0 || how.grid.y == 0 || how.grid.z == 0) return;
    constexpr std::size_t kWithoutAsking = 40 * 1024;  // 48 KB with what a kernel has besides
    if (how.shared > kWithoutAsking)
        allow_shared_memory(reinterpret_cast<void const*>(kernel), how.shared);
    note_launch(how.name);
    kernel<<<how.grid, how.block, how.shared, ctx.stream()>>>(static_cast<P>(args)...);
    CALOFUSE_CUDA_CHECK(cudaGetLastError());
}

inline constexpr int kForEachThreads = 256;

/// f(i) for i in [0, count): one thread an element, for what is bound by memory.
template <class F>
__global__ void __launch_bounds__(kForEachThreads) for_each_kernel(std::int64_t count, F f)
{
    std::int64_t const i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (i < count) f(i);
}
template <class F>
void for_each(Context& ctx, char const* name, std::int64_t count, F f)
{
    launch(ctx, {name, blocks_for(count, kForEachThreads), kForEachThreads}, for_each_kernel<F>,
           count, f);
}
}  // namespace calofuse::cuda
