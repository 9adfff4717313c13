// Three passes over the slots, each of which makes the sum u of both ends again: exponents and softmax;
// what is summed by targets, by edges and over the event; what is summed by sources. The first must have
// all channels before a gradient is known, the last adds in another order, and keeping u between them
// would move 4 H C bytes a slot where making it moves as many. Bound by the caches: 5 rows of H C
// numbers a slot (left three times; right and dy of the target by sources), from memory 7 rows a node.
// About 22 H C FLOP a slot, and 10 H C for each edge feature.
#include "kernels/device/columns.cuh"
#include "kernels/graph/attention/backward.cuh"
#include "kernels/graph/edges/out_edges.cuh"
#include "kernels/graph/gatv2/device.cuh"

namespace calofuse::cuda {
namespace {
constexpr int kTile = kWarp * kColumns;  ///< channels that a warp has in registers
constexpr int kFeatures = 4;             ///< edge features whose weights' gradients it has there

struct Gradients {
    AttentionGradients slots;
    OutEdges out;
    float *dleft, *dright;
    float* dedge;           ///< or null
    float* dloop_features;  ///< (N, G): scratch, with dedge
    float* partial_att;     ///< (B, H C)
    float* partial_bias;    ///< (B, W) or null
    float* partial_weight;  ///< (B, G H C)

    /// Of slot n.
    __device__ float* dfeatures(AttentionBatch const& g, Slots const& s, int n) const
    {
        return n < s.degree ? dedge + (std::int64_t{s.edge} + n) * g.features
                            : dloop_features + std::int64_t{s.target} * g.features;
    }
};

/// dL/du at an element, from dp of its head.
__device__ float end_gradient(
    AttentionBatch const& g, Gatv2Tensors const& t, float dp, float u, int at)
{
    return dp * t.att[at] * g.leaky_slope(u);
}

__global__ __launch_bounds__(kAttentionThreads,
                             8) void gatv2_backward_softmax_kernel(AttentionBatch g,
                                                                   Gatv2Tensors t,
                                                                   Gradients d)
{
    Event const event = event_of(g);
    DropoutKey const key = g.dropout.key();
    for (std::int32_t i = event.begin + warp_index(); i < event.end; i += kAttentionWarps) {
        Slots const s = slots_of(g, event, i);
        fill_loop_features(g, s);
        fill_exponents(g, t, s);
        softmax_backward(g, event, key, s, d.slots, SlotExponent{g, t});
    }
}

/// Some channels and edge features at a time: of channels c0 + q * 32 + lane, features f0 + f.
struct Share {
    int c0, f0;
    __device__ int channel(int q) const { return c0 + q * kWarp + lane_index(); }
};
/// Sums over the targets of a warp.
struct ParameterSums {
    float att[kColumns] = {}, weight[kFeatures][kColumns] = {};
};

/// The share's part of the gradients of the features of slot n, from dL/du of its channels. The share
/// that comes first sets those of loops, which are scratch.
__device__ void add_features(AttentionBatch const& g,
                             Gatv2Tensors const& t,
                             Gradients const& d,
                             Slots const& s,
                             int n,
                             Share const& share,
                             float const (&du)[kColumns])
{
    float* const dfeatures = d.dfeatures(g, s, n) + share.f0;
#pragma unroll 1
    for (int f = 0; f < min(kFeatures, g.features - share.f0); ++f) {
        float const* const weight = t.edge_weight + std::int64_t{share.f0 + f} * g.step();
        float sum = 0;
#pragma unroll
        for (int q = 0; q < kColumns; ++q)
            if (share.channel(q) < g.step()) sum += du[q] * weight[share.channel(q)];
        sum = warp_sum(sum);
        if (lane_index() != 0) continue;
        bool const set = n == s.degree && share.c0 == 0;
        dfeatures[f] = set ? sum : dfeatures[f] + sum;
    }
}

/// Of the slots of a target, by a warp: its share of dright, dedge and the sums.
__device__ void add_target(AttentionBatch const& g,
                           Gatv2Tensors const& t,
                           Gradients const& d,
                           Slots const& s,
                           Share const& share,
                           ParameterSums& sums)
{
    float of_target[kColumns] = {};
#pragma unroll 1
    for (int n = 0; n < s.count; ++n) {
        if (is_left_out(g, s, n)) continue;
        float const* const features = features_of(g, s, n);
        std::int32_t const from = source_of(g, s, n);
        float du[kColumns] = {};
#pragma unroll
        for (int q = 0; q < kColumns; ++q) {
            int const at = share.channel(q);
            if (at >= g.step()) continue;
            float const dp = d.slots.gradient[(s.row + n) * g.heads + at / g.channels];
            float const u = sum_of_ends(g, t, features, from, s.target, at);
            sums.att[q] += dp * g.leaky(u);
            du[q] = end_gradient(g, t, dp, u, at);
            of_target[q] += du[q];
#pragma unroll
            for (int f = 0; f < kFeatures; ++f)
                if (share.f0 + f < g.features) sums.weight[f][q] += features[share.f0 + f] * du[q];
        }
        if (d.dedge != nullptr) add_features(g, t, d, s, n, share, du);
    }
    if (share.f0 > 0) return;
    float* const dright = d.dright + std::int64_t{s.target} * g.step();
#pragma unroll
    for (int q = 0; q < kColumns; ++q)
        if (share.channel(q) < g.step()) dright[share.channel(q)] += of_target[q];
}

/// The loop passes its gradient on to the edges that its features are the mean of.
__device__ void share_out_loop(AttentionBatch const& g, Gradients const& d, Slots const& s)
{
    if (!g.add_loops) return;
    int const others = num_others(g, s);
    float const* const dloop = d.dfeatures(g, s, s.degree);
#pragma unroll 1
    for (int e = lane_index(); others > 0 && e < s.degree * g.features; e += kWarp) {
        int const n = e / g.features, f = e % g.features;
        if (!is_left_out(g, s, n)) d.dfeatures(g, s, n)[f] += dloop[f] / static_cast<float>(others);
    }
}

/// dleft of a source by a warp: as a message and as an end.
__device__ void add_source(AttentionBatch const& g,
                           Event const& event,
                           Gatv2Tensors const& t,
                           Gradients const& d,
                           std::int32_t j)
{
    std::int32_t const begin = d.out.begin[j], end = d.out.end[j];
#pragma unroll 1
    for (int at = lane_index(); at < g.step(); at += kWarp) {
        int const k = at / g.channels;
        int const column = g.column(k, at % g.channels);
        float sum = 0;
        auto const add = [&](std::int64_t slot, std::int32_t target, float const* features) {
            float const dy = d.slots.dy[std::int64_t{target} * g.width() + column] * g.scale();
            float const u = sum_of_ends(g, t, features, j, target, at);
            sum += d.slots.weight[slot * g.heads + k] * dy
                   + end_gradient(g, t, d.slots.gradient[slot * g.heads + k], u, at);
        };
#pragma unroll 2
        for (std::int32_t a = begin; a < end; ++a) {
            std::int32_t const e = d.out.edge[a], target = d.out.target[a];
            if (g.add_loops && target == j) continue;  // left out: no weight, no gradient
            add(std::int64_t{e} + (g.add_loops ? target : 0), target,
                g.edge + std::int64_t{e} * g.features);
        }
        if (g.add_loops)
            add(std::int64_t{g.edge_ptr[j + 1]} + j, j,
                g.loop_features + std::int64_t{j} * g.features);
        d.dleft[std::int64_t{j} * g.step() + at] += sum;
    }
}

/// Sums of the block's warps, in order, of numbers that every lane has at `columns` c0 + q * 32 + lane.
__device__ void store_sum(float const (&sum)[kColumns],
                          float (&shared)[kAttentionWarps][kTile],
                          int c0,
                          int columns,
                          float* out)
{
    __syncthreads();
#pragma unroll
    for (int q = 0; q < kColumns; ++q)
        shared[warp_index()][q * kWarp + lane_index()] = sum[q];
    __syncthreads();
    int const c = static_cast<int>(threadIdx.x);
    static_assert(kTile == kAttentionThreads);
    float total = 0;
    for (int w = 0; w < kAttentionWarps; ++w)
        total += shared[w][c];
    if (c0 + c < columns) out[c0 + c] = total;
}

__global__ __launch_bounds__(kAttentionThreads,
                             9) void gatv2_backward_sources_kernel(AttentionBatch g,
                                                                   Gatv2Tensors t,
                                                                   Gradients d)
{
    Event const event = event_of(g);
    for (std::int32_t j = event.begin + warp_index(); j < event.end; j += kAttentionWarps)
        add_source(g, event, t, d, j);
}

__global__ __launch_bounds__(kAttentionThreads,
                             5) void gatv2_backward_targets_kernel(AttentionBatch g,
                                                                   Gatv2Tensors t,
                                                                   Gradients d)
{
    __shared__ float shared[kAttentionWarps][kTile];
    Event const event = event_of(g);
    std::int32_t const first = event.begin + warp_index();
    if (d.partial_bias != nullptr) sum_bias(g, event, d.slots.dy, d.partial_bias);
    float* const att = d.partial_att + std::int64_t{event.number} * g.step();
    float* const weight = d.partial_weight + std::int64_t{event.number} * g.features * g.step();
    for (int c0 = 0; c0 < g.step(); c0 += kTile)
        for (int f0 = 0; f0 == 0 || f0 < g.features; f0 += kFeatures) {
            ParameterSums sums;
            for (std::int32_t i = first; i < event.end; i += kAttentionWarps)
                add_target(g, t, d, slots_of(g, event, i), Share{c0, f0}, sums);
            if (f0 == 0) store_sum(sums.att, shared, c0, g.step(), att);
#pragma unroll
            for (int f = 0; f < kFeatures; ++f)
                if (f0 + f < g.features)
                    store_sum(sums.weight[f], shared, c0, g.step(),
                              weight + std::int64_t{f0 + f} * g.step());
        }
    if (d.dedge == nullptr) return;
    __syncwarp();
    for (std::int32_t i = first; i < event.end; i += kAttentionWarps)
        share_out_loop(g, d, slots_of(g, event, i));
}
}  // namespace

void gatv2_backward(Context& ctx, Gatv2GradArgs const& args)
{
    std::int64_t const nodes = args.in.left.shape[0], heads = args.in.left.shape[1];
    std::int64_t const edges = args.in.source.shape[0], features = num_features(args.in);
    std::int64_t const step = heads * args.in.left.shape[2], width = args.dy.shape[1];
    std::int64_t const events = args.in.row_ptr.shape[0] - 1;
    std::int64_t const slots = (nodes + edges) * heads;
    bool const wants_bias = !args.dbias.empty();
    auto const loop_features = ctx.scratch<float>(2 * nodes * features);
    auto const of_slots = ctx.scratch<float>(3 * slots);
    OutEdgeLists const out(ctx, Rows(args.in.row_ptr, nodes),
                           InEdges(args.in.edge_ptr, args.in.source));
    auto const partial_att = ctx.scratch<float>(events * step);
    auto const partial_bias = ctx.scratch<float>(wants_bias ? events * width : 0);
    auto const partial_weight = ctx.scratch<float>(events * features * step);

    AttentionBatch const g =
        attention_batch(args.in, args.in.left, args.options, loop_features.data());
    Gatv2Tensors const t = gatv2_tensors(args.in, of_slots.data());
    Gradients const d{.slots = {.rows = t.left,
                                .lse = floats(args.saved),
                                .lse_step = args.saved.shape[1],
                                .dy = floats(args.dy),
                                .weight = of_slots.data() + slots,
                                .gradient = of_slots.data() + 2 * slots,
                                .dtarget = nullptr},
                      .out = out.view(),
                      .dleft = floats(args.dleft),
                      .dright = floats(args.dright),
                      .dedge = floats(args.dedge),
                      .dloop_features = loop_features.data() + nodes * features,
                      .partial_att = partial_att.data(),
                      .partial_bias = wants_bias ? partial_bias.data() : nullptr,
                      .partial_weight = partial_weight.data()};
    auto const run = [&](char const* name, auto* kernel) {
        launch(ctx, {name, static_cast<unsigned>(events), kAttentionThreads}, kernel, g, t, d);
    };
    run("gatv2_backward_softmax", gatv2_backward_softmax_kernel);
    run("gatv2_backward_targets", gatv2_backward_targets_kernel);
    run("gatv2_backward_sources", gatv2_backward_sources_kernel);

    auto const add = [&](float const* from, std::int64_t count, TensorRef const& to) {
        add_partials<double>(ctx, "gatv2_parameters", from, events, count, floats(to));
    };
    add(d.partial_att, step, args.datt);
    if (wants_bias) add(d.partial_bias, width, args.dbias);
    if (features > 0) add(d.partial_weight, features * step, args.dedge_weight);
}
}  // namespace calofuse::cuda
