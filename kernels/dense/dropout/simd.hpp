/// \file kernels/dense/dropout/simd.hpp
/// The vector part of dropout: a run of consecutive elements.
#pragma once

#include <cstdint>

#include "kernels/math/dropout_key.hpp"

namespace calofuse::cpu {
struct DropoutKernels {
    /// y[i] = x[i] * factor of element first + i, i < count
    void (*forward)(
        DropoutKey const& key, std::uint64_t first, std::int64_t count, float const* x, float* y);
    /// dx[i] += dy[i] * factor of element first + i, i < count
    void (*backward)(
        DropoutKey const& key, std::uint64_t first, std::int64_t count, float const* dy, float* dx);
};
namespace avx2 {
extern DropoutKernels const dropout_kernels;
}  // namespace avx2
namespace avx512 {
extern DropoutKernels const dropout_kernels;
}  // namespace avx512
}  // namespace calofuse::cpu
