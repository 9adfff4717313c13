/// \file kernels/graph/gatv2/device.cuh
/// What gatv2_cuda.cu and gatv2_backward_cuda.cu share: the exponent of a slot is a product along the
/// channels, which a warp makes once and leaves in scratch, (E + N, H).
#pragma once

#include "kernels/graph/attention/device.cuh"
#include "kernels/graph/gatv2.hpp"

namespace calofuse::cuda {
struct Gatv2Tensors {
    float const *left, *right, *att, *edge_weight;
    float* exponent;  ///< slots: scratch
};

/// Sum of both ends and of the edge term, element `at` of a row.
__device__ inline float sum_of_ends(AttentionBatch const& g,
                                    Gatv2Tensors const& t,
                                    float const* features,
                                    std::int64_t source,
                                    std::int64_t target,
                                    int at)
{
    float u = t.left[source * g.step() + at] + t.right[target * g.step() + at];
#pragma unroll 1
    for (int f = 0; f < g.features; ++f)
        u += features[f] * t.edge_weight[std::int64_t{f} * g.step() + at];
    return u;
}

/// Exponents of the slots of a target, by a warp for itself.
__device__ inline void fill_exponents(AttentionBatch const& g,
                                      Gatv2Tensors const& t,
                                      Slots const& s)
{
    ChannelLanes const lanes(g.channels);
#pragma unroll 1
    for (int n = 0; n < s.count; ++n) {
        float* const to = t.exponent + (s.row + n) * g.heads;
        std::int32_t const from = source_of(g, s, n);
        bool const left_out = is_left_out(g, s, n);
        float const* const features = features_of(g, s, n);
        each_head_sum(
            lanes, g.heads, left_out ? 0 : g.channels,
            [&](int k, int c) {
                int const at = k * g.channels + c;
                return g.leaky(sum_of_ends(g, t, features, from, s.target, at)) * t.att[at];
            },
            [&](int k, float sum) { to[k] = left_out ? kLeftOut : sum; });
    }
    __syncwarp();
}

struct SlotExponent {
    AttentionBatch const& g;
    Gatv2Tensors const& t;
    __device__ Exponent operator()(Slots const& s, int n, int k) const
    {
        return {t.exponent[(s.row + n) * g.heads + k], 1};
    }
};

inline Gatv2Tensors gatv2_tensors(Gatv2Inputs const& in, float* exponent)
{
    return {floats(in.left), floats(in.right), floats(in.att), floats(in.edge_weight), exponent};
}
}  // namespace calofuse::cuda
