/// \file kernels/dense/linear_simd.hpp
/// The one loop of the dense layer, compiled once per instruction set (runtime/isa.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

namespace calofuse::cpu {
/// C[r, c] += sum_k A[r row_stride + k depth_stride] * B[k, c]; plain data, sizes may be 0.
struct LinearProduct {
    float const* a;
    std::ptrdiff_t row_stride, depth_stride;
    float const* b;
    std::ptrdiff_t ldb;
    float* c;
    std::ptrdiff_t ldc;
    std::int64_t rows, depth, columns;
};

namespace avx2 {
void multiply_add(LinearProduct const& p);
}
namespace avx512 {
void multiply_add(LinearProduct const& p);
}
}  // namespace calofuse::cpu
