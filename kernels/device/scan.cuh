/// \file kernels/device/scan.cuh
/// Counts become the ends of their ranges: how ragged outputs are laid out without the host.
#pragma once

#include "kernels/device/reduce.cuh"

namespace calofuse::cuda {
inline constexpr int kScanThreads = 1024;
inline constexpr std::int64_t kScanShare = 16 * kScanThreads;  ///< counts of one block

/// The counts that this block has a share in; `rows` may be null.
struct ScanRange {
    std::int64_t begin, end;
    __device__ ScanRange(std::int64_t capacity, std::int32_t const* rows, std::int64_t share)
        : begin(blockIdx.x * share), end(begin + share)
    {
        std::int64_t const count = rows == nullptr ? capacity : *rows;
        if (end > count) end = count;
    }
};

/// of_block[1 + b] = sum of the share of block b.
static __global__ __launch_bounds__(kScanThreads) void scan_shares_kernel(std::int32_t const* ptr,
                                                                          std::int64_t capacity,
                                                                          std::int32_t const* rows,
                                                                          std::int32_t* of_block)
{
    ScanRange const range(capacity, rows, kScanShare);
    std::int32_t sum = 0;
    for (std::int64_t i = range.begin + threadIdx.x; i < range.end; i += kScanThreads)
        sum += ptr[i + 1];
    sum = block_sum<kScanThreads>(sum);
    if (threadIdx.x == 0) of_block[1 + blockIdx.x] = sum;
}

/// Shares begin at of_block[b]; null: there is one block, which begins at 0.
static __global__ __launch_bounds__(kScanThreads) void scan_kernel(std::int32_t* ptr,
                                                                   std::int64_t capacity,
                                                                   std::int32_t const* rows,
                                                                   std::int64_t share,
                                                                   std::int32_t const* of_block)
{
    ScanRange const range(capacity, rows, share);
    std::int32_t before = of_block == nullptr ? 0 : of_block[blockIdx.x];
    if (blockIdx.x == 0 && threadIdx.x == 0) ptr[0] = 0;
    for (std::int64_t i = range.begin; i < range.end; i += kScanThreads) {
        std::int64_t const at = i + threadIdx.x;
        std::int32_t total = 0;
        std::int32_t const count = at < range.end ? ptr[at + 1] : 0;
        std::int32_t const sum = before + sum_before<kScanThreads>(count, &total) + count;
        if (at < range.end) ptr[at + 1] = sum;
        before += total;
    }
}

/// ptr[0] = 0, ptr[i] = sum of the first i counts; count i is found at ptr[i + 1]. There are *rows of
/// them (null: `capacity`, which *rows never exceeds). Bound by memory: 12 bytes a count.
inline void add_up(Context& ctx,
                   char const* name,
                   std::int32_t* ptr,
                   std::int64_t capacity,
                   std::int32_t const* rows)
{
    unsigned const blocks = blocks_for(capacity, kScanShare);
    std::int32_t const* const none = nullptr;
    if (blocks <= 1) {
        launch(ctx, {name, 1, kScanThreads}, scan_kernel, ptr, capacity, rows, kScanShare, none);
        return;
    }
    auto const of_block = ctx.scratch<std::int32_t>(blocks + 1);
    launch(ctx, {name, blocks, kScanThreads}, scan_shares_kernel, ptr, capacity, rows,
           of_block.data());
    launch(ctx, {name, 1, kScanThreads}, scan_kernel, of_block.data(), std::int64_t{blocks}, none,
           std::int64_t{blocks}, none);
    launch(ctx, {name, blocks, kScanThreads}, scan_kernel, ptr, capacity, rows, kScanShare,
           of_block.data());
}
}  // namespace calofuse::cuda
