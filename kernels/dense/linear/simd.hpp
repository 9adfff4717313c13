/// \file kernels/dense/linear/simd.hpp
/// The vector part of linear: one panel of columns of a matrix product.
#pragma once

#include <cstdint>

namespace calofuse::cpu {
/// c[r, j] = sum_k a[r row_stride + k depth_stride] b[k ldb + j] + bias[j], or with `accumulate` added
/// to what c holds; j below the panel's width.
struct LinearPanel {
    float const* a;
    float const* b;
    float* c;
    float const* bias;  ///< null: 0; not with `accumulate`
    std::int64_t row_stride, depth_stride, ldb, ldc;
    int rows, depth, width;
    bool accumulate;  ///< plain data between our own two files
};

struct LinearKernels {
    /// Columns of a panel of a matrix with `columns` (a multiple of 16) columns.
    int (*panel_width)(int columns);
    void (*multiply)(LinearPanel const& panel);
    /// sum[j] += sum over the rows of dy[r ld + j]
    void (*add_column_sums)(
        float const* dy, std::int64_t rows, std::int64_t columns, std::int64_t ld, float* sum);
};
namespace avx2 {
extern LinearKernels const linear_kernels;
}  // namespace avx2
namespace avx512 {
extern LinearKernels const linear_kernels;
}  // namespace avx512
}  // namespace calofuse::cpu
