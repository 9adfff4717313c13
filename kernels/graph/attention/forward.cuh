/// \file kernels/graph/attention/forward.cuh
/// Softmax over the slots of a target and the weighted sum of their sources' rows.
#pragma once

#include "kernels/graph/attention/device.cuh"

namespace calofuse::cuda {
struct AttentionOutputs {
    float const* rows;  ///< (N, H, C): what is averaged
    float const* bias;  ///< (W) or null
    float* y;
    float* lse;  ///< log-sum-exp of node 0; nodes are `lse_step` apart
    std::int64_t lse_step;
    float *alpha, *alpha_loop;  ///< or null
};

/// y of a target += its sources' rows, weighted: heads first .. first + lanes.heads - 1, `weight(n)`
/// for the lane's head. The rest of y is set at first. `shared`: 32 numbers of the warp.
template <class Weight>
__device__ void aggregate(AttentionBatch const& g,
                          Slots const& s,
                          HeadLanes const& lanes,
                          int first,
                          AttentionOutputs const& out,
                          float* shared,
                          Weight const& weight)
{
    int const lane = lane_index();
    int const heads = min(lanes.heads, g.heads - first);
    int const end = g.mean_heads ? g.channels : heads * g.channels;
#pragma unroll 1
    for (int c0 = 0; c0 < end; c0 += kWarp * kColumns) {
        float sum[kColumns] = {};
        int head[kColumns];
#pragma unroll
        for (int q = 0; q < kColumns; ++q)
            head[q] = (c0 + q * kWarp + lane) / g.channels;
#pragma unroll 1
        for (int n0 = 0; n0 < s.count; n0 += lanes.slots) {
            int const n = n0 + lanes.slot;
            __syncwarp();
            shared[lane] = n < s.count && first + lanes.head < g.heads ? weight(n) : 0.0F;
            __syncwarp();
#pragma unroll 2
            for (int m = 0; m < min(lanes.slots, s.count - n0); ++m) {
                float const* const w = shared + m * lanes.heads;
                float const* row = out.rows + std::int64_t{source_of(g, s, n0 + m)} * g.step()
                                   + first * g.channels + c0 + lane;
#pragma unroll 1
                for (int k = 0; k < (g.mean_heads ? heads : 1); ++k, row += g.channels)
#pragma unroll
                    for (int q = 0; q < kColumns; ++q)
                        if (c0 + q * kWarp + lane < end)
                            sum[q] += w[g.mean_heads ? k : head[q]] * row[q * kWarp];
            }
        }
        int const column = (g.mean_heads ? 0 : first * g.channels) + c0 + lane;
        float* const y = out.y + std::int64_t{s.target} * g.width() + column;
#pragma unroll
        for (int q = 0; q < kColumns; ++q) {
            if (c0 + q * kWarp + lane >= end) continue;
            float start = out.bias != nullptr ? out.bias[column + q * kWarp] : 0.0F;
            if (g.mean_heads && first > 0) start = y[q * kWarp];
            y[q * kWarp] = start + sum[q] * g.scale();
        }
    }
}

/// Forward of one target by a warp: exponent(s, n, k) of slot n and head k.
template <class F>
__device__ void attend(AttentionBatch const& g,
                       Event const& event,
                       DropoutKey const& key,
                       Slots const& s,
                       AttentionOutputs const& out,
                       float* shared,
                       F const& exponent)
{
    HeadLanes const lanes(g.heads);
    float* const lse = out.lse + s.target * out.lse_step;
#pragma unroll 1
    for (int first = 0; first < g.heads; first += lanes.heads) {
        int const k = first + lanes.head;
        int const end = k < g.heads ? s.count : 0;
        float top = s.count > 0 ? kLeftOut : 0.0F, sum = 0;
#pragma unroll 1
        for (int n = lanes.slot; n < end; n += lanes.slots)
            top = fmaxf(top, exponent(s, n, k).value);
        top = lanes.reduce(top, Maximum{});
#pragma unroll 1
        for (int n = lanes.slot; n < end; n += lanes.slots)
            sum += exp_or_zero(exponent(s, n, k).value - top);
        sum = lanes.reduce(sum, Plus{});
        float const scale = 1.0F / (sum + 1e-16F);
        if (k < g.heads && lanes.slot == 0) lse[k] = top + logf(sum > 1 ? sum : 1.0F);
        auto const alpha = [&](int n) {
            return exp_or_zero(exponent(s, n, k).value - top) * scale;
        };
        if (out.alpha != nullptr || out.alpha_loop != nullptr)
#pragma unroll 1
            for (int n = lanes.slot; n < end; n += lanes.slots) {
                bool const loop = n == s.degree;
                std::int64_t const row = loop ? s.target : s.edge + n;
                float* const to = loop ? out.alpha_loop : out.alpha;
                if (to != nullptr) to[row * g.heads + k] = alpha(n);
            }
        aggregate(g, s, lanes, first, out, shared,
                  [&](int n) { return alpha(n) * factor_of(g, event, key, s, n, k); });
    }
    int const padding = static_cast<int>(padded_heads(g.heads)) - g.heads;
    if (lane_index() < padding) lse[g.heads + lane_index()] = 0;
}
}  // namespace calofuse::cuda
