/// \file kernels/common/attention.cuh
/// What the CUDA twins of attention layers share. A block handles one event, a warp one node of it at
/// a time. The slots of a node are its incoming edges in order, then the loop that was added to it;
/// arrays with a row a slot have E + N rows, those of one node side by side. A warp sees its lanes in
/// two ways: HeadLanes (slots x heads) for numbers a head, ChannelLanes (heads x channels) for products
/// along the channels.
#pragma once

#include "kernels/common/attention.hpp"
#include "kernels/common/event_dropout.cuh"
#include "kernels/common/float_math.hpp"
#include "kernels/common/reduce.cuh"

namespace calofuse::cuda {
inline constexpr int kAttentionWarps = 4;
inline constexpr int kAttentionThreads = kAttentionWarps * kWarp;
inline constexpr int kColumns = 4;  ///< channels of a row that a lane has in registers, 32 apart
inline constexpr float kLeftOut = -3e38F;  ///< exponent of a loop that is left out: its weight is 0

struct AttentionBatch {
    int heads, channels, features;
    bool add_loops, mean_heads;
    float slope;
    std::int32_t const *row_ptr, *edge_ptr, *source;
    float const* edge;     ///< (E, features) or null
    float* loop_features;  ///< (N, features): scratch
    DeviceDropout dropout;

    __device__ int step() const { return heads * channels; }
    __device__ int width() const { return mean_heads ? channels : step(); }
    /// Of element (head, c) in a row of y; heads share it where they are averaged.
    __device__ int column(int head, int c) const { return mean_heads ? c : head * channels + c; }
    __device__ float scale() const { return mean_heads ? 1.0F / static_cast<float>(heads) : 1.0F; }
    __device__ float leaky(float v) const { return v > 0 ? v : v * slope; }
    __device__ float leaky_slope(float v) const { return v > 0 ? 1.0F : slope; }
};

/// The event of this block.
struct Event {
    std::uint32_t number;
    std::int32_t begin, end;  ///< nodes
    std::int32_t first_edge, end_edge;
};
__device__ inline Event event_of(AttentionBatch const& g)
{
    std::int32_t const begin = g.row_ptr[blockIdx.x], end = g.row_ptr[blockIdx.x + 1];
    return {blockIdx.x, begin, end, g.edge_ptr[begin], g.edge_ptr[end]};
}
__device__ inline int warp_index()
{
    return static_cast<int>(threadIdx.x) / kWarp;
}
__device__ inline int lane_index()
{
    return static_cast<int>(threadIdx.x) % kWarp;
}

struct Slots {
    std::int32_t target, edge;  ///< `edge`: the first one
    int degree, count;          ///< edges; edges and loop
    std::int64_t row;           ///< of slot 0
    std::uint32_t in_event;     ///< number of slot 0 in the event
};
__device__ inline Slots slots_of(AttentionBatch const& g, Event const& event, std::int32_t i)
{
    std::int32_t const edge = g.edge_ptr[i];
    int const degree = g.edge_ptr[i + 1] - edge;
    return {
        i,
        edge,
        degree,
        degree + (g.add_loops ? 1 : 0),
        std::int64_t{edge} + (g.add_loops ? i : 0),
        static_cast<std::uint32_t>(edge - event.first_edge + (g.add_loops ? i - event.begin : 0))};
}
/// Where slot n comes from.
__device__ inline std::int32_t source_of(AttentionBatch const& g, Slots const& s, int n)
{
    return n < s.degree ? g.source[s.edge + n] : s.target;
}
__device__ inline bool is_left_out(AttentionBatch const& g, Slots const& s, int n)
{
    return g.add_loops && n < s.degree && g.source[s.edge + n] == s.target;
}
/// Edges of a target besides loops that are left out.
__device__ inline int num_others(AttentionBatch const& g, Slots const& s)
{
    int count = 0;
#pragma unroll 1
    for (int n = 0; n < s.degree; ++n)
        count += is_left_out(g, s, n) ? 0 : 1;
    return count;
}
/// Edge features of slot n.
__device__ inline float const* features_of(AttentionBatch const& g, Slots const& s, int n)
{
    return n < s.degree ? g.edge + (std::int64_t{s.edge} + n) * g.features
                        : g.loop_features + std::int64_t{s.target} * g.features;
}
/// Features of the target's loop: the mean over its other edges, 0 if there are none. By a warp, for
/// itself.
__device__ inline void fill_loop_features(AttentionBatch const& g, Slots const& s)
{
    if (g.features == 0 || !g.add_loops) return;
    int const others = num_others(g, s);
    for (int f = lane_index(); f < g.features; f += kWarp) {
        float sum = 0;
#pragma unroll 1
        for (int n = 0; n < s.degree; ++n)
            if (!is_left_out(g, s, n)) sum += features_of(g, s, n)[f];
        g.loop_features[std::int64_t{s.target} * g.features + f] =
            others > 0 ? sum / static_cast<float>(others) : 0.0F;
    }
    __syncwarp();
}

__device__ inline int power_of_two(int count)
{
    int wide = 1;
    while (wide < count && wide < kWarp)
        wide *= 2;
    return wide;
}

/// Lane = slot * heads + head, for up to 32 heads at a time.
struct HeadLanes {
    int heads, slots;  ///< of a warp side by side
    int head, slot;    ///< of this lane
    __device__ explicit HeadLanes(int all)
        : heads(power_of_two(all))
        , slots(kWarp / heads)
        , head(lane_index() % heads)
        , slot(lane_index() / heads)
    {}
    /// op over the slots; all lanes of the head get it.
    template <class Op>
    __device__ float reduce(float value, Op op) const
    {
        for (int offset = kWarp / 2; offset >= heads; offset /= 2)
            value = op(value, __shfl_xor_sync(kFullMask, value, offset));
        return value;
    }
};

/// Lane = head * channels + channel, for as many heads at a time as fit.
struct ChannelLanes {
    int channels, heads;
    int channel, head;
    __device__ explicit ChannelLanes(int all)
        : channels(power_of_two(all))
        , heads(kWarp / channels)
        , channel(lane_index() % channels)
        , head(lane_index() / channels)
    {}
};

/// use(k, sum over the channels c of term(k, c)) on one lane for every head k < heads.
template <class Term, class Use>
__device__ void each_head_sum(
    ChannelLanes const& lanes, int heads, int channels, Term const& term, Use const& use)
{
#pragma unroll 1
    for (int first = 0; first < heads; first += lanes.heads) {
        int const k = first + lanes.head;
        float sum = 0;
#pragma unroll 2
        for (int c = lanes.channel; k < heads && c < channels; c += lanes.channels)
            sum += term(k, c);
        for (int offset = lanes.channels / 2; offset > 0; offset /= 2)
            sum += __shfl_xor_sync(kFullMask, sum, offset);
        if (k < heads && lanes.channel == 0) use(k, sum);
    }
}

/// exp(x), 0 where that is no normal number.
__device__ inline float exp_or_zero(float x)
{
    return x > -87.0F ? exp_float(x) : 0.0F;
}

/// What dropout multiplies slot n, head k with.
__device__ inline float factor_of(AttentionBatch const& g,
                                  Event const& event,
                                  DropoutKey const& key,
                                  Slots const& s,
                                  int n,
                                  int k)
{
    if (!g.dropout.drops()) return 1;
    auto const row = static_cast<std::uint32_t>(padded_heads(g.heads));
    return dropout_factor(
        key, event.number,
        (s.in_event + static_cast<std::uint32_t>(n)) * row + static_cast<std::uint32_t>(k));
}

/// Exponent of a slot, after the leaky ReLU, and the derivative of that.
struct Exponent {
    float value, slope;
};

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
