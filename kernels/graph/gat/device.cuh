/// \file kernels/graph/gat/device.cuh
/// What gat_cuda.cu and gat_backward_cuda.cu share.
#pragma once

#include "kernels/graph/attention/device.cuh"
#include "kernels/graph/gat.hpp"

namespace calofuse::cuda {
struct GatTensors {
    float const *h, *att_source, *att_target;
    float const* projection;  ///< (G, H): edge_weight times att_edge
    float* saved;             ///< (N, 3, H4)
    int padded;               ///< H4

    __device__ float* scores(std::int32_t i) const { return saved + std::int64_t{i} * 3 * padded; }
};

/// What the softmax is of.
struct EdgeExponent {
    AttentionBatch const& g;
    GatTensors const& t;

    __device__ Exponent operator()(Slots const& s, int n, int k) const
    {
        if (is_left_out(g, s, n)) return {kLeftOut, 1};
        float p = t.scores(source_of(g, s, n))[k] + t.scores(s.target)[t.padded + k];
#pragma unroll 1
        for (int f = 0; f < g.features; ++f)
            p += features_of(g, s, n)[f] * t.projection[f * g.heads + k];
        return {g.leaky(p), g.leaky_slope(p)};
    }
};

inline GatTensors gat_tensors(GatInputs const& in, TensorRef const& saved, float const* projection)
{
    return {floats(in.h), floats(in.att_source), floats(in.att_target),
            projection,   floats(saved),         static_cast<int>(saved.shape[2])};
}

/// (G, H): att_edge[k] . edge_weight[g, k]
inline Block<float> edge_projection(Context& ctx, GatInputs const& in)
{
    std::int64_t const heads = in.h.shape[1], channels = in.h.shape[2];
    auto out = ctx.scratch<float>(num_features(in) * heads);
    float const *const weight = floats(in.edge_weight), *const att = floats(in.att_edge);
    float* const to = out.data();
    for_each(ctx, "gat_edge_projection", out.size(), [=] __device__(std::int64_t i) {
        float sum = 0;
        for (std::int64_t c = 0; c < channels; ++c)
            sum += weight[i * channels + c] * att[i % heads * channels + c];
        to[i] = sum;
    });
    return out;
}
}  // namespace calofuse::cuda
