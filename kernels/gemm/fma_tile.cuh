/// \file kernels/gemm/fma_tile.cuh
/// The multiply-add part of matrix products and convolutions in float: what a version for tensor
/// cores replaces. A block of kRowGroups * 16 threads has kRowGroups * 8 rows and 64 columns; thread t
/// owns 8 rows from 8 * (t / 16) and 4 columns from 4 * (t % 16).
#pragma once

#include <cstdint>

namespace calofuse::cuda {
inline constexpr int kTileDepth = 16;              // of one multiply
inline constexpr int kTileColumns = 64;            // of a block
inline constexpr int kTilePitch = kTileDepth + 4;  // between rows in shared memory: 16-byte aligned
inline constexpr int kThreadRows = 8;
inline constexpr int kThreadColumns = 4;
inline constexpr int kColumnGroups = kTileColumns / kThreadColumns;

/// One multiply reads 12 float4 of shared memory for 128 multiply-adds a thread.
struct FmaTile {
    float sum[kThreadRows][kThreadColumns];

    static __device__ int first_row() { return threadIdx.x / kColumnGroups * kThreadRows; }
    static __device__ int first_column() { return threadIdx.x % kColumnGroups * kThreadColumns; }

    __device__ void clear()
    {
        for (auto& row : sum)
            for (float& s : row)
                s = 0;
    }
    /// f(row, column, sum) for the sums of this thread, by rows.
    template <class F>
    __device__ void each(F const& f) const
    {
#pragma unroll
        for (int r = 0; r < kThreadRows; ++r)
#pragma unroll
            for (int c = 0; c < kThreadColumns; ++c)
                f(first_row() + r, first_column() + c, sum[r][c]);
    }
    /// sum += A B, depth by depth. Row r of A is at a + row[r]; b (kTileDepth, pitch) is at this
    /// thread's first column. Shared memory, 16-byte aligned.
    __device__ void multiply(float const* a,
                             int const (&row)[kThreadRows],
                             float const* b,
                             int pitch)
    {
#pragma unroll
        for (int k = 0; k < kTileDepth; k += 4) {
            float4 across[4];
#pragma unroll
            for (int j = 0; j < 4; ++j)
                across[j] = *reinterpret_cast<float4 const*>(b + (k + j) * pitch);
#pragma unroll
            for (int r = 0; r < kThreadRows; ++r) {
                float4 const down = *reinterpret_cast<float4 const*>(a + row[r] + k);
                add(sum[r], down.x, across[0]);
                add(sum[r], down.y, across[1]);
                add(sum[r], down.z, across[2]);
                add(sum[r], down.w, across[3]);
            }
        }
    }

  private:
    static __device__ void add(float (&to)[kThreadColumns], float factor, float4 v)
    {
        to[0] = fmaf(factor, v.x, to[0]);
        to[1] = fmaf(factor, v.y, to[1]);
        to[2] = fmaf(factor, v.z, to[2]);
        to[3] = fmaf(factor, v.w, to[3]);
    }
};
}  // namespace calofuse::cuda
