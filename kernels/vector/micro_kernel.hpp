/// \file kernels/vector/micro_kernel.hpp
/// Register-blocked matrix product, the inner loop of convolutions and dense layers. For sources
/// named *_simd.cpp only: everything here is local to the file that includes it.
///   C[r, :] = epilogue(C[r, :], sum_j sum_k A_j[r rs + k ks] * B_j[k ldb + :], first column)
/// R rows times V vectors of C stay in registers over all j and k. The order of the sums is that of
/// (j, k) whatever the blocking, so a row's bits do not depend on its neighbours.
#pragma once

#include <cstddef>
#include <cstdint>

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
#ifdef __AVX512F__
constexpr int kLanes = 16;
constexpr int kMaxRows = 14;  // 14 x 2 sums, 2 vectors of B, 1 broadcast: 31 of 32 registers
#else
constexpr int kLanes = 8;
constexpr int kMaxRows = 6;  // 6 x 2 sums, 2 vectors of B, 1 broadcast: 15 of 16 registers
#endif
/// Columns that one call covers at most; `panel_width` says how many for a given row length.
constexpr int kMaxVectors = 2;

typedef float Vector __attribute__((vector_size(4 * kLanes)));
typedef float LooseVector __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));
typedef std::int32_t IntVector __attribute__((vector_size(4 * kLanes)));

inline Vector load(float const* p)
{
    return *reinterpret_cast<LooseVector const*>(p);
}
inline void store(float* p, Vector v)
{
    *reinterpret_cast<LooseVector*>(p) = v;
}
inline Vector splat(float x)
{
    return x - Vector{};
}
/// Slope in [0, 1].
inline Vector leaky_relu(Vector u, Vector slope)
{
    Vector const scaled = u * slope;
    return u > scaled ? u : scaled;
}

/// `count` must be a multiple of kLanes.
constexpr int panel_width(int count)
{
    return count % (kMaxVectors * kLanes) == 0 ? kMaxVectors * kLanes : kLanes;
}

struct Factors {
    float const* a;
    float const* b;
};

struct Product {
    Factors const* factors;  ///< `num_factors` pairs (A_j, B_j)
    int num_factors;
    int depth;                                ///< k of each pair
    std::ptrdiff_t row_stride, depth_stride;  ///< of A
    std::ptrdiff_t ldb;
    float* c;
    std::ptrdiff_t ldc;
};

struct Assign {
    Vector operator()(Vector, Vector sum, int) const { return sum; }
    static constexpr bool kReads = false;
};
struct Accumulate {
    Vector operator()(Vector old, Vector sum, int) const { return old + sum; }
    static constexpr bool kReads = true;
};
struct LeakyRelu {
    Vector slope;
    Vector operator()(Vector, Vector sum, int) const { return leaky_relu(sum, slope); }
    static constexpr bool kReads = false;
};

template <int R, int V, class Epilogue>
void multiply_block(Product const& p, int first_row, Epilogue const& epilogue)
{
    Vector sum[R][V] = {};
    for (int j = 0; j < p.num_factors; ++j) {
        float const* a = p.factors[j].a + first_row * p.row_stride;
        float const* b = p.factors[j].b;
        for (int k = 0; k < p.depth; ++k) {
            Vector column[V];
#pragma GCC unroll 2
            for (int v = 0; v < V; ++v)
                column[v] = load(b + v * kLanes);
#pragma GCC unroll 16
            for (int r = 0; r < R; ++r) {
                float const factor = a[r * p.row_stride];
#pragma GCC unroll 2
                for (int v = 0; v < V; ++v)
                    sum[r][v] += factor * column[v];
            }
            a += p.depth_stride;
            b += p.ldb;
        }
    }
    float* const c = p.c + first_row * p.ldc;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) {
            float* const out = c + r * p.ldc + v * kLanes;
            store(out, epilogue(Epilogue::kReads ? load(out) : Vector{}, sum[r][v], v * kLanes));
        }
}

/// One case for every number of rows from R down to 1.
template <int R, int V, class Epilogue>
void multiply_rows(Product const& p, int first_row, int rows, Epilogue const& epilogue)
{
    if (rows == R) return multiply_block<R, V>(p, first_row, epilogue);
    if constexpr (R > 1) multiply_rows<R - 1, V>(p, first_row, rows, epilogue);
}

/// All `rows` of C, `width` columns: kLanes or kMaxVectors * kLanes. Blocks of nearly equal height.
template <class Epilogue>
void multiply(Product const& p, int rows, int width, Epilogue const& epilogue)
{
    int const blocks = (rows + kMaxRows - 1) / kMaxRows;
    for (int i = 0, row = 0; i < blocks; ++i) {
        int const height = (rows - row) / (blocks - i);
        if (width == kMaxVectors * kLanes)
            multiply_rows<kMaxRows, kMaxVectors>(p, row, height, epilogue);
        else
            multiply_rows<kMaxRows, 1>(p, row, height, epilogue);
        row += height;
    }
}
}  // namespace
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
