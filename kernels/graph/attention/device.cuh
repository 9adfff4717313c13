/// \file kernels/graph/attention/device.cuh
/// What the CUDA twins of attention layers share in both directions. A block handles one event, a warp
/// one node of it at a time. The slots of a node are its incoming edges in order, then the loop that was
/// added to it; arrays with a row a slot have E + N rows, those of one node side by side. A warp sees its
/// lanes in two ways: HeadLanes (slots x heads) for numbers a head, ChannelLanes (heads x channels) for
/// products along the channels.
#pragma once

#include "kernels/device/event_dropout.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/graph/attention.hpp"
#include "kernels/math/float_math.hpp"

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

template <class Inputs>
std::int64_t num_features(Inputs const& in)
{
    return in.edge.rank == 0 ? 0 : in.edge.shape[1];
}
inline float* floats(TensorRef const& t)
{
    return static_cast<float*>(t.data);
}
/// `rows` (N, H, C): what is averaged.
template <class Inputs, class Options>
AttentionBatch attention_batch(Inputs const& in,
                               TensorRef const& rows,
                               Options const& options,
                               float* loop_features)
{
    return {.heads = static_cast<int>(rows.shape[1]),
            .channels = static_cast<int>(rows.shape[2]),
            .features = static_cast<int>(num_features(in)),
            .add_loops = options.loops == SelfLoops::add,
            .mean_heads = options.merge == HeadMerge::mean,
            .slope = options.slope,
            .row_ptr = static_cast<std::int32_t const*>(in.row_ptr.data),
            .edge_ptr = static_cast<std::int32_t const*>(in.edge_ptr.data),
            .source = static_cast<std::int32_t const*>(in.source.data),
            .edge = floats(in.edge),
            .loop_features = loop_features,
            .dropout = DeviceDropout(options.dropout)};
}
}  // namespace calofuse::cuda
