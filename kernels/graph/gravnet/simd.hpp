/// \file kernels/graph/gravnet/simd.hpp
/// The vector part of gravnet: loops over the channels of one node and its neighbours.
#pragma once

#include <cstdint>

namespace calofuse::cpu {
/// The neighbours of one node.
struct GravNetList {
    std::int64_t const* row;  ///< of h, `count` of them
    float const* weight;
    int count;  ///< at least 1
    float const* h;
    std::int64_t features;
    float scale;  ///< 1 / M
};

struct GravNetPoints {
    float const* s;
    std::int64_t dimensions;
    std::int64_t node;
};

struct GravNetKernels {
    /// d2[k] = |s[node] - s[row[k]]|^2
    void (*distances)(GravNetPoints const& points, std::int64_t const* row, int count, float* d2);
    /// step_k = slope[k] (s[node] - s[row[k]]): ds[node] += step_k, ds[row[k]] -= step_k.
    /// No row is the node itself.
    void (*distances_backward)(GravNetPoints const& points,
                               std::int64_t const* row,
                               int count,
                               float const* slope,
                               float* ds);
    /// mean, max and winner of all channels; winner is the place in the list.
    void (*aggregate)(GravNetList const& list, float* mean, float* max, std::int32_t* winner);
    /// dh[row[k]] += weight[k] u_k and dweight[k] = h[row[k]] . u_k, with
    /// u_k = scale dmean + (winner == k ? dmax : 0)
    void (*scatter)(GravNetList const& list,
                    float const* dmean,
                    float const* dmax,
                    std::int32_t const* winner,
                    float* dh,
                    float* dweight);
    /// sum_k weight[k] h[row[k]] . dmean
    float (*sum_times)(GravNetList const& list, float const* dmean);
    /// a[c] -= b[c]
    void (*subtract)(std::int64_t features, float const* b, float* a);
};
namespace avx2 {
extern GravNetKernels const gravnet_kernels;
}  // namespace avx2
namespace avx512 {
extern GravNetKernels const gravnet_kernels;
}  // namespace avx512
}  // namespace calofuse::cpu
