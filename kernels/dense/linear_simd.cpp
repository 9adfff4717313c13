#include "kernels/dense/linear_simd.hpp"

#include "kernels/common/micro_kernel_simd.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
/// A panel of B of this depth and two vectors of columns stays in the first-level cache.
constexpr std::int64_t kDepthBlock = 256;

/// Columns that do not fill a vector.
void multiply_tail(LinearProduct const& p, std::int64_t first_column)
{
    for (std::int64_t r = 0; r < p.rows; ++r) {
        for (std::int64_t c = first_column; c < p.columns; ++c) {
            float sum = 0;
            for (std::int64_t k = 0; k < p.depth; ++k)
                sum += p.a[r * p.row_stride + k * p.depth_stride] * p.b[k * p.ldb + c];
            p.c[r * p.ldc + c] += sum;
        }
    }
}
}  // namespace

void multiply_add(LinearProduct const& p)
{
    std::int64_t const vectors = p.columns / kLanes;
    for (std::int64_t k = 0; k < p.depth; k += kDepthBlock) {
        std::int64_t const depth = p.depth - k < kDepthBlock ? p.depth - k : kDepthBlock;
        for (std::int64_t v = 0; v < vectors; v += kMaxVectors) {
            std::int64_t const column = v * kLanes;
            int const width = (vectors - v >= kMaxVectors ? kMaxVectors : 1) * kLanes;
            Factors const factors{p.a + k * p.depth_stride, p.b + k * p.ldb + column};
            multiply({.factors = &factors,
                      .num_factors = 1,
                      .depth = static_cast<int>(depth),
                      .row_stride = p.row_stride,
                      .depth_stride = p.depth_stride,
                      .ldb = p.ldb,
                      .c = p.c + column,
                      .ldc = p.ldc},
                     static_cast<int>(p.rows), width, Accumulate{});
        }
    }
    if (vectors * kLanes < p.columns) multiply_tail(p, vectors * kLanes);
}
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
