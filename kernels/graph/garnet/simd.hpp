/// \file kernels/graph/garnet/simd.hpp
/// The vector part of garnet: loops over the channels of the nodes of one graph.
#pragma once

#include <cstdint>

namespace calofuse::cpu {
/// Rows of `width` channels, f or w, and the weights that go with them.
struct GarNetRows {
    float const* x;  ///< (nodes, width)
    float const* w;  ///< (nodes, aggregators)
    std::int64_t nodes, width, aggregators;
};

/// Where the sums of aggregator a start: mean + a stride. `max` null: no maxima.
struct GarNetSums {
    float* mean;
    float* max;
    std::int64_t stride;
    std::int32_t* winner;
    std::int64_t winner_stride;
    std::int32_t first_row;  ///< number of the graph's first row, for winner
    float scale;             ///< of mean
    bool zero_row;           ///< the maximum is at least 0, of row -1
};

struct GarNetKernels {
    /// mean[a] = scale sum_v w[v, a] x[v], max[a] = max_v w[v, a] x[v]; at least one node
    void (*collect)(GarNetRows const& rows, GarNetSums const& sums);
    /// Of node v alone: dx += sum_a w[v, a] scale dmean[a], dw[a] += x[v] . scale dmean[a].
    /// dx may be dw.
    void (*collect_backward)(GarNetRows const& rows,
                             std::int64_t v,
                             float const* dmean,
                             std::int64_t stride,
                             float scale,
                             float* dx,
                             float* dw);
    /// y[v] = base[v] + sum_a w[v, a] z[a] for rows of `width`; x of `rows` is base or null
    void (*spread)(GarNetRows const& rows, float const* z, float* y);
    /// dw[v, a] += dy[v] . z[a], dz[a] += sum_v w[v, a] dy[v]; x of `rows` is dy
    void (*spread_backward)(GarNetRows const& rows, float const* z, float* dw, float* dz);
};
namespace avx2 {
extern GarNetKernels const garnet_kernels;
}  // namespace avx2
namespace avx512 {
extern GarNetKernels const garnet_kernels;
}  // namespace avx512
}  // namespace calofuse::cpu
