/// \file kernels/gemm/gemm.cuh
/// A block's share of a product in float whose factors are any functions of (line, depth): matrices,
/// or windows of images. A factor is
///   struct { static constexpr bool kAlongDepth;   // whether neighbours in memory differ in depth
///            Line line(std::int64_t) const;       // what a row of A or column of B has to itself
///            Depth depth(std::int64_t) const;
///            float load(Line, Depth) const; };    // 0 outside
#pragma once

#include "kernels/device/launch.cuh"
#include "kernels/gemm/fma_tile.cuh"

namespace calofuse::cuda {
inline constexpr int kGemmRows = 64;
inline constexpr int kGemmThreads = kGemmRows / kThreadRows * kColumnGroups;
inline constexpr int kGemmPitch = kTileColumns + 4;

struct GemmShared {
    float a[2][kGemmRows * kTilePitch];
    float b[2][kTileDepth * kGemmPitch];
};
static_assert(kGemmRows == kTileColumns);

/// Stages 64 lines x 16 depths of a factor: registers first, so that loads overlap with arithmetic.
template <class Factor>
class GemmStage {
  public:
    __device__ GemmStage(Factor const& factor, std::int64_t first_line) : factor_(factor)
    {
#pragma unroll
        for (int i = 0; i < kLines; ++i)
            line_[i] = factor.line(first_line + line_of(i));
    }
    __device__ void load(std::int64_t first_depth)
    {
        typename Factor::Depth depth[kDepths];
#pragma unroll
        for (int i = 0; i < kDepths; ++i)
            depth[i] = factor_.depth(first_depth + depth_of(i));
#pragma unroll
        for (int i = 0; i < kValues; ++i)
            value_[i] = factor_.load(line_[i % kLines], depth[i % kDepths]);
    }
    __device__ void store(float* to, int line_pitch, int depth_pitch) const
    {
#pragma unroll
        for (int i = 0; i < kValues; ++i)
            to[line_of(i) * line_pitch + depth_of(i) * depth_pitch] = value_[i];
    }

  private:
    static constexpr bool kAlong = Factor::kAlongDepth;
    static constexpr int kValues = kGemmRows * kTileDepth / kGemmThreads;
    static constexpr int kLines = kAlong ? kValues : 1, kDepths = kAlong ? 1 : kValues;
    static __device__ int line_of(int i)
    {
        return kAlong ? threadIdx.x / kTileDepth + i * (kGemmThreads / kTileDepth)
                      : threadIdx.x % kGemmRows;
    }
    static __device__ int depth_of(int i)
    {
        return kAlong ? threadIdx.x % kTileDepth
                      : threadIdx.x / kGemmRows + i * (kGemmThreads / kGemmRows);
    }
    Factor const& factor_;
    typename Factor::Line line_[kLines];
    float value_[kValues];
};

/// tile = A B over the depths [begin, end), for 64 lines of each. Sums run in order of depth; depths
/// from `end` on must load as 0.
template <class A, class B>
__device__ void multiply_block(A const& a,
                               B const& b,
                               std::int64_t a_line,
                               std::int64_t b_line,
                               std::int64_t begin,
                               std::int64_t end,
                               GemmShared& shared,
                               FmaTile& tile)
{
    tile.clear();
    GemmStage<A> a_stage(a, a_line);
    GemmStage<B> b_stage(b, b_line);
    int row[kThreadRows];
#pragma unroll
    for (int r = 0; r < kThreadRows; ++r)
        row[r] = (FmaTile::first_row() + r) * kTilePitch;
    int now = 0;
    if (begin < end) {
        a_stage.load(begin);
        b_stage.load(begin);
    }
    for (std::int64_t k = begin; k < end; k += kTileDepth, now ^= 1) {
        a_stage.store(shared.a[now], kTilePitch, 1);
        b_stage.store(shared.b[now], 1, kGemmPitch);
        __syncthreads();  // the only one: the half that is written next was read before this one
        if (k + kTileDepth < end) {
            a_stage.load(k + kTileDepth);
            b_stage.load(k + kTileDepth);
        }
        tile.multiply(shared.a[now], row, shared.b[now] + FmaTile::first_column(), kGemmPitch);
    }
}

/// A matrix as a factor: element (line, depth) at line * stride + depth, or depth * stride + line.
template <bool kAlong>
struct MatrixFactor {
    static constexpr bool kAlongDepth = kAlong;
    using Line = std::int64_t;
    using Depth = std::int64_t;
    float const* data;
    std::int64_t stride, lines, depths;

    __device__ Line line(std::int64_t i) const
    {
        return i < lines ? (kAlong ? i * stride : i) : -1;
    }
    __device__ Depth depth(std::int64_t k) const
    {
        return k < depths ? (kAlong ? k : k * stride) : -1;
    }
    __device__ float load(Line line, Depth depth) const
    {
        return line >= 0 && depth >= 0 ? data[line + depth] : 0.0F;
    }
};
}  // namespace calofuse::cuda
