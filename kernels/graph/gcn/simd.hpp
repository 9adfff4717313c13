/// \file kernels/graph/gcn/simd.hpp
/// Vector loops of gcn over the channels of weighted rows.
#pragma once

#include <cstdint>

namespace calofuse::cpu {
/// Rows of an (N, channels) matrix, each with a factor.
struct GcnRows {
    std::int32_t const* row;
    float const* factor;
    int count;
};

struct GcnKernels {
    /// out += sum of factor[t] in[row[t]]
    void (*gather)(GcnRows const& rows, float const* in, std::int64_t channels, float* out);
    /// out[row[t]] += factor[t] in
    void (*scatter)(GcnRows const& rows, float const* in, std::int64_t channels, float* out);
    float (*dot)(float const* a, float const* b, std::int64_t channels);
};
namespace avx2 {
extern GcnKernels const gcn_kernels;
}  // namespace avx2
namespace avx512 {
extern GcnKernels const gcn_kernels;
}  // namespace avx512
}  // namespace calofuse::cpu
