/// \file kernels/graph/attention/backward.cuh
/// Gradients of the exponents of the slots of a target.
#pragma once

#include "kernels/graph/attention/device.cuh"

namespace calofuse::cuda {
/// What the backward pass keeps a slot, (E + N, H), and needs to make it.
struct AttentionGradients {
    float const* rows;  ///< (N, H, C)
    float const* lse;
    std::int64_t lse_step;
    float const* dy;  ///< (N, W)
    float* weight;    ///< slots: after dropout
    float* gradient;  ///< slots: of the exponent before the leaky ReLU
    float* dtarget;   ///< (N, H): its sums over the slots of a target; or null
};

/// Backward of the softmax of one target by a warp, for itself: weight and gradient of its slots.
template <class F>
__device__ void softmax_backward(AttentionBatch const& g,
                                 Event const& event,
                                 DropoutKey const& key,
                                 Slots const& s,
                                 AttentionGradients const& t,
                                 F const& exponent)
{
    float const* const dy = t.dy + std::int64_t{s.target} * g.width();
    ChannelLanes const channels(g.channels);
#pragma unroll 1
    for (int n = 0; n < s.count; ++n) {
        float const* const row = t.rows + std::int64_t{source_of(g, s, n)} * g.step();
        each_head_sum(
            channels, g.heads, g.channels,
            [&](int k, int c) { return dy[g.column(k, c)] * row[k * g.channels + c]; },
            [&](int k, float sum) { t.gradient[(s.row + n) * g.heads + k] = sum * g.scale(); });
    }
    __syncwarp();
    HeadLanes const lanes(g.heads);
#pragma unroll 1
    for (int first = 0; first < g.heads; first += lanes.heads) {
        int const k = first + lanes.head;
        int const end = k < g.heads ? s.count : 0;
        float const lse = k < g.heads ? t.lse[s.target * t.lse_step + k] : 0.0F;
        float average = 0, sum = 0;
#pragma unroll 1
        for (int n = lanes.slot; n < end; n += lanes.slots) {
            std::int64_t const at = (s.row + n) * g.heads + k;
            float const weight =
                exp_or_zero(exponent(s, n, k).value - lse) * factor_of(g, event, key, s, n, k);
            t.weight[at] = weight;
            average += weight * t.gradient[at];
        }
        average = lanes.reduce(average, Plus{});
#pragma unroll 1
        for (int n = lanes.slot; n < end; n += lanes.slots) {
            std::int64_t const at = (s.row + n) * g.heads + k;
            Exponent const e = exponent(s, n, k);
            float const factor = t.weight[at] != 0 ? key.factor : 0.0F;  // no weight, no gradient
            float const d =
                exp_or_zero(e.value - lse) * e.slope * (factor * t.gradient[at] - average);
            t.gradient[at] = d;
            sum += d;
        }
        sum = lanes.reduce(sum, Plus{});
        if (t.dtarget != nullptr && k < g.heads && lanes.slot == 0)
            t.dtarget[std::int64_t{s.target} * g.heads + k] = sum;
    }
    __syncwarp();
}

/// The event's column sums of dy, (W).
__device__ inline void sum_bias(AttentionBatch const& g,
                                Event const& event,
                                float const* dy,
                                float* partial)
{
    int const width = g.width();
    for (int c = static_cast<int>(threadIdx.x); c < width; c += kAttentionThreads) {
        float sum = 0;
        for (std::int32_t i = event.begin; i < event.end; ++i)
            sum += dy[std::int64_t{i} * width + c];
        partial[std::int64_t{event.number} * width + c] = sum;
    }
}
}  // namespace calofuse::cuda
