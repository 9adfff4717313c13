/// \file kernels/graph/edge_conv_tile.cuh
/// The multiply-add tile of edge_conv's second layer: 64 rows by 64 columns of a product, by a block
/// of 256 threads with 4 by 4 sums each, 16 of the depth at a time through shared memory.
#pragma once

#include "kernels/common/launch.cuh"

namespace calofuse::cuda {
inline constexpr int kTile = 64;
inline constexpr int kTileDepth = 16;
inline constexpr int kTileThreads = 256;
inline constexpr int kTileSide = 4;  ///< rows and columns of a thread

struct alignas(16) TileMemory {  // read as float4
    float a[kTileDepth]
           [kTile + 4];  ///< 4: columns of float4 stay aligned, stores spread over banks
    float b[kTileDepth][kTile];
};

/// Row r of a thread's sums is row first_row() + r of the tile, likewise columns.
struct TileSums {
    float sum[kTileSide][kTileSide] = {};

    static __device__ int first_row()
    {
        return static_cast<int>(threadIdx.x) / (kTile / kTileSide) * kTileSide;
    }
    static __device__ int first_column()
    {
        return static_cast<int>(threadIdx.x) % (kTile / kTileSide) * kTileSide;
    }
    __device__ void multiply(TileMemory const& memory)
    {
#pragma unroll
        for (int k = 0; k < kTileDepth; ++k) {
            float4 const a = *reinterpret_cast<float4 const*>(memory.a[k] + first_row());
            float4 const b = *reinterpret_cast<float4 const*>(memory.b[k] + first_column());
            float const rows[kTileSide] = {a.x, a.y, a.z, a.w};
            float const columns[kTileSide] = {b.x, b.y, b.z, b.w};
#pragma unroll
            for (int r = 0; r < kTileSide; ++r)
#pragma unroll
                for (int c = 0; c < kTileSide; ++c)
                    sum[r][c] += rows[r] * columns[c];
        }
    }
};

/// sums += A B for one tile: a(row, k) is asked for k < depth and rows of the tile, and gives 0 for
/// rows that do not exist; b is (depth, columns), of which the tile starts at `column`.
template <class A>
__device__ void multiply_tile(TileMemory& memory,
                              A const& a,
                              float const* b,
                              int depth,
                              int columns,
                              int column,
                              TileSums& sums)
{
    for (int k0 = 0; k0 < depth; k0 += kTileDepth) {
        for (int at = static_cast<int>(threadIdx.x); at < kTile * kTileDepth; at += kTileThreads) {
            int const row = at / kTileDepth, k = at % kTileDepth;
            memory.a[k][row] = k0 + k < depth ? a(row, k0 + k) : 0.0F;
            int const c = at % kTile, kb = at / kTile;
            bool const inside = k0 + kb < depth && column + c < columns;
            memory.b[kb][c] =
                inside ? b[static_cast<std::int64_t>(k0 + kb) * columns + column + c] : 0.0F;
        }
        __syncthreads();
        sums.multiply(memory);
        __syncthreads();
    }
}
}  // namespace calofuse::cuda
