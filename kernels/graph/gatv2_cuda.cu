#include "kernels/common/attention.cuh"
#include "kernels/common/event_sources.cuh"
#include "kernels/graph/gatv2.hpp"

// As gat_cuda.cu, but the exponent of a slot is a product along the channels: a warp makes it once and
// leaves it in scratch, (E + N, H). Bound by memory while the degree is below about 20: 3 rows of H C
// numbers a node forward, 6 backward; 7 H C FLOP a slot forward, about 30 H C backward, where the sum
// of both ends is made again for each of the gradients by targets, sources and parameters.
namespace calofuse::cuda {
namespace {
constexpr int kTile = kWarp * kColumns;  ///< channels that a warp has in registers
constexpr int kFeatures = 4;             ///< edge features whose weights' gradients it has there

struct Tensors {
    float const *left, *right, *att, *edge_weight;
    float* exponent;  ///< slots: scratch
};

/// Sum of both ends and of the edge term, element `at` of a row.
__device__ float sum_of_ends(AttentionBatch const& g,
                             Tensors const& t,
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
__device__ void fill_exponents(AttentionBatch const& g, Tensors const& t, Slots const& s)
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
    Tensors const& t;
    __device__ Exponent operator()(Slots const& s, int n, int k) const
    {
        return {t.exponent[(s.row + n) * g.heads + k], 1};
    }
};

__global__ __launch_bounds__(kAttentionThreads, 8) void gatv2_forward_kernel(AttentionBatch g,
                                                                             Tensors t,
                                                                             AttentionOutputs out)
{
    __shared__ float shared[kAttentionWarps][kWarp];
    Event const event = event_of(g);
    DropoutKey const key = g.dropout.key();
    for (std::int32_t i = event.begin + warp_index(); i < event.end; i += kAttentionWarps) {
        Slots const s = slots_of(g, event, i);
        fill_loop_features(g, s);
        fill_exponents(g, t, s);
        attend(g, event, key, s, out, shared[warp_index()], SlotExponent{g, t});
    }
}

struct Gradients {
    AttentionGradients slots;
    EventSources sources;
    float *dleft, *dright;
    float* dedge;           ///< or null
    float* dloop_features;  ///< (N, G): scratch, with dedge
    float* partial_att;     ///< (B, H C)
    float* partial_bias;    ///< (B, W) or null
    float* partial_weight;  ///< (B, G H C)
};

/// dL/du at an element, from dp of its head.
__device__ float end_gradient(AttentionBatch const& g, Tensors const& t, float dp, float u, int at)
{
    return dp * t.att[at] * g.leaky_slope(u);
}

/// dright of a target by a warp.
__device__ void add_target(AttentionBatch const& g,
                           Tensors const& t,
                           Gradients const& d,
                           Slots const& s)
{
#pragma unroll 1
    for (int at = lane_index(); at < g.step(); at += kWarp) {
        float sum = 0;
#pragma unroll 2
        for (int n = 0; n < s.count; ++n) {
            if (is_left_out(g, s, n)) continue;
            float const dp = d.slots.gradient[(s.row + n) * g.heads + at / g.channels];
            float const u =
                sum_of_ends(g, t, features_of(g, s, n), source_of(g, s, n), s.target, at);
            sum += end_gradient(g, t, dp, u, at);
        }
        d.dright[std::int64_t{s.target} * g.step() + at] += sum;
    }
}

/// dedge of the edges into a target by a warp. The loop passes its gradient on to the edges that its
/// features are the mean of.
__device__ void add_feature_gradients(AttentionBatch const& g,
                                      Tensors const& t,
                                      Gradients const& d,
                                      Slots const& s)
{
    float* const dloop = d.dloop_features + std::int64_t{s.target} * g.features;
    auto const dedge = [&](int n) {
        return d.dedge + (std::int64_t{s.edge} + n) * g.features;
    };
#pragma unroll 1
    for (int n = 0; n < s.count; ++n) {
        if (is_left_out(g, s, n)) continue;
#pragma unroll 1
        for (int f = 0; f < g.features; ++f) {
            float sum = 0;
#pragma unroll 1
            for (int at = lane_index(); at < g.step(); at += kWarp) {
                float const dp = d.slots.gradient[(s.row + n) * g.heads + at / g.channels];
                float const u =
                    sum_of_ends(g, t, features_of(g, s, n), source_of(g, s, n), s.target, at);
                sum +=
                    end_gradient(g, t, dp, u, at) * t.edge_weight[std::int64_t{f} * g.step() + at];
            }
            sum = warp_sum(sum);
            if (lane_index() != 0) continue;
            if (n < s.degree)
                dedge(n)[f] += sum;
            else
                dloop[f] = sum;
        }
    }
    __syncwarp();
    int const others = g.add_loops ? num_others(g, s) : 0;
#pragma unroll 1
    for (int e = lane_index(); others > 0 && e < s.degree * g.features; e += kWarp) {
        int const n = e / g.features, f = e % g.features;
        if (!is_left_out(g, s, n)) dedge(n)[f] += dloop[f] / static_cast<float>(others);
    }
}

__global__ __launch_bounds__(kAttentionThreads,
                             8) void gatv2_backward_targets_kernel(AttentionBatch g,
                                                                   Tensors t,
                                                                   Gradients d)
{
    Event const event = event_of(g);
    DropoutKey const key = g.dropout.key();
    for (std::int32_t i = event.begin + warp_index(); i < event.end; i += kAttentionWarps) {
        Slots const s = slots_of(g, event, i);
        fill_loop_features(g, s);
        fill_exponents(g, t, s);
        softmax_backward(g, event, key, s, d.slots, SlotExponent{g, t});
        add_target(g, t, d, s);
        if (d.dedge != nullptr) add_feature_gradients(g, t, d, s);
    }
}

/// dleft of a source by a warp: as a message and as an end.
__device__ void add_source(AttentionBatch const& g,
                           Event const& event,
                           Tensors const& t,
                           Gradients const& d,
                           std::int32_t j)
{
    std::int32_t const begin = d.sources.begin_of(j, event.begin, event.first_edge);
    std::int32_t const end = d.sources.end[j];
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
            std::int32_t const e = d.sources.edge[a], target = d.sources.target[e];
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

/// Channels c0 and on of the event's gradients of att and of the weights of kFeatures edge features.
__device__ void sum_channels(AttentionBatch const& g,
                             Event const& event,
                             Tensors const& t,
                             Gradients const& d,
                             int c0,
                             int f0,
                             float (&datt)[kColumns],
                             float (&dweight)[kFeatures][kColumns])
{
    for (std::int32_t i = event.begin + warp_index(); i < event.end; i += kAttentionWarps) {
        Slots const s = slots_of(g, event, i);
#pragma unroll 1
        for (int n = 0; n < s.count; ++n) {
            if (is_left_out(g, s, n)) continue;
            float const* const features = features_of(g, s, n);
            std::int32_t const from = source_of(g, s, n);
#pragma unroll
            for (int q = 0; q < kColumns; ++q) {
                int const at = c0 + q * kWarp + lane_index();
                if (at >= g.step()) continue;
                float const dp = d.slots.gradient[(s.row + n) * g.heads + at / g.channels];
                float const u = sum_of_ends(g, t, features, from, i, at);
                datt[q] += dp * g.leaky(u);
                float const du = end_gradient(g, t, dp, u, at);
#pragma unroll
                for (int f = 0; f < kFeatures; ++f)
                    if (f0 + f < g.features) dweight[f][q] += features[f0 + f] * du;
            }
        }
    }
}

__global__ __launch_bounds__(kAttentionThreads) void gatv2_backward_sources_kernel(AttentionBatch g,
                                                                                   Tensors t,
                                                                                   Gradients d)
{
    Event const event = event_of(g);
    find_sources(d.sources, event.begin, event.end, g.edge_ptr, g.source);
    for (std::int32_t j = event.begin + warp_index(); j < event.end; j += kAttentionWarps)
        add_source(g, event, t, d, j);
}

__global__ __launch_bounds__(kAttentionThreads) void gatv2_backward_parameters_kernel(
    AttentionBatch g, Tensors t, Gradients d)
{
    __shared__ float shared[kAttentionWarps][kTile];
    Event const event = event_of(g);
    if (d.partial_bias != nullptr) sum_bias(g, event, d.slots.dy, d.partial_bias);
    float* const att = d.partial_att + std::int64_t{event.number} * g.step();
    float* const weight = d.partial_weight + std::int64_t{event.number} * g.features * g.step();
    for (int c0 = 0; c0 < g.step(); c0 += kTile)
        for (int f0 = 0; f0 == 0 || f0 < g.features; f0 += kFeatures) {
            float datt[kColumns] = {}, dweight[kFeatures][kColumns] = {};
            sum_channels(g, event, t, d, c0, f0, datt, dweight);
            if (f0 == 0) store_sum(datt, shared, c0, g.step(), att);
#pragma unroll
            for (int f = 0; f < kFeatures; ++f)
                if (f0 + f < g.features)
                    store_sum(dweight[f], shared, c0, g.step(),
                              weight + std::int64_t{f0 + f} * g.step());
        }
}

float* data(TensorRef const& t)
{
    return static_cast<float*>(t.data);
}
std::int64_t num_features(Gatv2Inputs const& in)
{
    return in.edge.rank == 0 ? 0 : in.edge.shape[1];
}

AttentionBatch batch_of(Gatv2Inputs const& in, Gatv2Options const& options, float* loop_features)
{
    return {.heads = static_cast<int>(in.left.shape[1]),
            .channels = static_cast<int>(in.left.shape[2]),
            .features = static_cast<int>(num_features(in)),
            .add_loops = options.loops == SelfLoops::add,
            .mean_heads = options.merge == HeadMerge::mean,
            .slope = options.slope,
            .row_ptr = static_cast<std::int32_t const*>(in.row_ptr.data),
            .edge_ptr = static_cast<std::int32_t const*>(in.edge_ptr.data),
            .source = static_cast<std::int32_t const*>(in.source.data),
            .edge = data(in.edge),
            .loop_features = loop_features,
            .dropout = DeviceDropout(options.dropout)};
}
Tensors tensors_of(Gatv2Inputs const& in, float* exponent)
{
    return {data(in.left), data(in.right), data(in.att), data(in.edge_weight), exponent};
}
}  // namespace

void gatv2_forward(Context& ctx, Gatv2Args const& args)
{
    std::int64_t const nodes = args.in.left.shape[0], heads = args.in.left.shape[1];
    auto const loop_features = ctx.scratch<float>(nodes * num_features(args.in));
    auto const exponent = ctx.scratch<float>((nodes + args.in.source.shape[0]) * heads);
    AttentionBatch const g = batch_of(args.in, args.options, loop_features.data());
    Tensors const t = tensors_of(args.in, exponent.data());
    AttentionOutputs const out{.rows = t.left,
                               .bias = data(args.bias),
                               .y = data(args.y),
                               .lse = data(args.saved),
                               .lse_step = args.saved.shape[1],
                               .alpha = data(args.alpha),
                               .alpha_loop = data(args.alpha_loop)};
    auto const events = static_cast<unsigned>(args.in.row_ptr.shape[0] - 1);
    launch(ctx, {"gatv2_forward", events, kAttentionThreads}, gatv2_forward_kernel, g, t, out);
}

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
    auto const sources = ctx.scratch<std::int32_t>(nodes + 3 * edges);
    auto const partial_att = ctx.scratch<float>(events * step);
    auto const partial_bias = ctx.scratch<float>(wants_bias ? events * width : 0);
    auto const partial_weight = ctx.scratch<float>(events * features * step);

    AttentionBatch const g = batch_of(args.in, args.options, loop_features.data());
    Tensors const t = tensors_of(args.in, of_slots.data());
    std::int32_t* const edge_lists = sources.data() + nodes;
    Gradients const d{
        .slots = {.rows = t.left,
                  .lse = data(args.saved),
                  .lse_step = args.saved.shape[1],
                  .dy = data(args.dy),
                  .weight = of_slots.data() + slots,
                  .gradient = of_slots.data() + 2 * slots,
                  .dtarget = nullptr},
        .sources = {sources.data(), edge_lists, edge_lists + edges, edge_lists + 2 * edges},
        .dleft = data(args.dleft),
        .dright = data(args.dright),
        .dedge = data(args.dedge),
        .dloop_features = loop_features.data() + nodes * features,
        .partial_att = partial_att.data(),
        .partial_bias = wants_bias ? partial_bias.data() : nullptr,
        .partial_weight = partial_weight.data()};
    auto const run = [&](char const* name, auto* kernel) {
        launch(ctx, {name, static_cast<unsigned>(events), kAttentionThreads}, kernel, g, t, d);
    };
    run("gatv2_backward_targets", gatv2_backward_targets_kernel);
    run("gatv2_backward_sources", gatv2_backward_sources_kernel);
    run("gatv2_backward_parameters", gatv2_backward_parameters_kernel);

    auto const add = [&](float const* from, std::int64_t count, TensorRef const& to) {
        add_partials<double>(ctx, "gatv2_parameters", from, events, count, data(to));
    };
    add(d.partial_att, step, args.datt);
    if (wants_bias) add(d.partial_bias, width, args.dbias);
    if (features > 0) add(d.partial_weight, features * step, args.dedge_weight);
}
}  // namespace calofuse::cuda
