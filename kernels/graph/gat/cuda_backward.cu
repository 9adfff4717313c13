// As forward; then nodes gather over the edges out of them, and the event's share of the gradients of
// the parameters is summed up. Bound by memory: 4 rows of H C numbers a node and 4 H numbers a slot of
// weights and gradients; about 8 H C FLOP a slot.
#include "kernels/device/columns.cuh"
#include "kernels/graph/attention/backward.cuh"
#include "kernels/graph/edges/out_edges.cuh"
#include "kernels/graph/gat/device.cuh"

namespace calofuse::cuda {
namespace {
struct Gradients {
    AttentionGradients slots;
    OutEdges out;
    float* dsource;  ///< (N, H): scratch
    float *dh, *dedge;
    float *partial_source, *partial_target;  ///< (B, H C)
    float* partial_bias;                     ///< (B, W) or null
    float* partial_projection;               ///< (B, G H)
};

/// A loop passes 1 / others of its gradient on to the edges that its features are the mean of.
__device__ float loop_share(AttentionBatch const& g, Slots const& s)
{
    if (!g.add_loops) return 0;
    int const others = num_others(g, s);
    return others > 0 ? 1.0F / static_cast<float>(others) : 0.0F;
}
/// dL/d(edge term) of edge n, head k, with its part of the loop's.
__device__ float edge_gradient(
    AttentionBatch const& g, Gradients const& d, Slots const& s, float share, int n, int k)
{
    float const* const gradient = d.slots.gradient + s.row * g.heads + k;
    float const loop = share != 0 ? share * gradient[std::int64_t{s.degree} * g.heads] : 0.0F;
    return gradient[std::int64_t{n} * g.heads] + loop;
}

/// dedge of the edges into a target, by a warp.
__device__ void add_feature_gradients(AttentionBatch const& g,
                                      GatTensors const& t,
                                      Gradients const& d,
                                      Slots const& s)
{
    float const share = loop_share(g, s);
#pragma unroll 1
    for (int e = lane_index(); e < s.degree * g.features; e += kWarp) {
        int const n = e / g.features, f = e % g.features;
        if (is_left_out(g, s, n)) continue;
        float sum = 0;
#pragma unroll 1
        for (int k = 0; k < g.heads; ++k)
            sum += edge_gradient(g, d, s, share, n, k) * t.projection[f * g.heads + k];
        d.dedge[(std::int64_t{s.edge} + n) * g.features + f] += sum;
    }
}

constexpr int kSourceColumns = 2;  ///< channels of a lane: with four, registers run out

/// dh of a source by a warp: through the weighted sums, and through s and t.
__device__ void gather_source(AttentionBatch const& g,
                              Event const& event,
                              GatTensors const& t,
                              Gradients const& d,
                              std::int32_t j)
{
    std::int32_t const begin = d.out.begin[j], end = d.out.end[j];
    std::int64_t const loop = std::int64_t{g.edge_ptr[j + 1]} + j;  // slot, with add_loops
    auto const slot_of = [&](std::int32_t place) {
        return std::int64_t{d.out.edge[place]} + (g.add_loops ? d.out.target[place] : 0);
    };
    HeadLanes const lanes(g.heads);
    float* const dsource = d.dsource + std::int64_t{j} * g.heads;
    for (int k = lanes.head; k - lanes.head < g.heads; k += lanes.heads) {
        float sum = 0;
#pragma unroll 1
        for (std::int32_t a = begin + lanes.slot; k < g.heads && a < end; a += lanes.slots)
            sum += d.slots.gradient[slot_of(a) * g.heads + k];
        sum = lanes.reduce(sum, Plus{});
        if (k < g.heads && lanes.slot == 0)
            dsource[k] = sum + (g.add_loops ? d.slots.gradient[loop * g.heads + k] : 0.0F);
    }
    __syncwarp();
    float const* const dtarget = d.slots.dtarget + std::int64_t{j} * g.heads;
#pragma unroll 1
    for (int c0 = lane_index(); c0 - lane_index() < g.step(); c0 += kWarp * kSourceColumns) {
        float sum[kSourceColumns] = {};
        int head[kSourceColumns], column[kSourceColumns];
#pragma unroll
        for (int q = 0; q < kSourceColumns; ++q) {
            int const c = min(c0 + q * kWarp, g.step() - 1);
            head[q] = c / g.channels;
            column[q] = g.column(head[q], c % g.channels);
        }
        auto const add = [&](std::int64_t slot, std::int32_t target) {
            float const* const weight = d.slots.weight + slot * g.heads;
            float const* const dy = d.slots.dy + std::int64_t{target} * g.width();
#pragma unroll
            for (int q = 0; q < kSourceColumns; ++q)
                sum[q] += weight[head[q]] * dy[column[q]];
        };
#pragma unroll 2
        for (std::int32_t a = begin; a < end; ++a)
            add(slot_of(a), d.out.target[a]);
        if (g.add_loops) add(loop, j);
        float* const dh = d.dh + std::int64_t{j} * g.step() + c0;
#pragma unroll
        for (int q = 0; q < kSourceColumns; ++q) {
            int const c = c0 + q * kWarp;
            if (c >= g.step()) continue;
            dh[q * kWarp] += sum[q] * g.scale() + dsource[head[q]] * t.att_source[c]
                             + dtarget[head[q]] * t.att_target[c];
        }
    }
}

/// The event's share of the gradients of the parameters.
__device__ void sum_parameters(AttentionBatch const& g,
                               Event const& event,
                               GatTensors const& t,
                               Gradients const& d)
{
    for (int c = static_cast<int>(threadIdx.x); c < g.step(); c += kAttentionThreads) {
        int const k = c / g.channels;
        float source = 0, target = 0;
#pragma unroll 2
        for (std::int64_t i = event.begin; i < event.end; ++i) {
            float const h = t.h[i * g.step() + c];
            source += d.dsource[i * g.heads + k] * h;
            target += d.slots.dtarget[i * g.heads + k] * h;
        }
        std::int64_t const out = std::int64_t{event.number} * g.step() + c;
        d.partial_source[out] = source;
        d.partial_target[out] = target;
    }
    if (d.partial_bias != nullptr) sum_bias(g, event, d.slots.dy, d.partial_bias);
    int const pairs = g.features * g.heads;
    for (int pair = warp_index(); pair < pairs; pair += kAttentionWarps) {
        int const f = pair / g.heads, k = pair % g.heads;
        float sum = 0;
        for (std::int32_t i = event.begin + lane_index(); i < event.end; i += kWarp) {
            Slots const s = slots_of(g, event, i);
            float const share = loop_share(g, s);
#pragma unroll 1
            for (int n = 0; n < s.degree; ++n)
                if (!is_left_out(g, s, n))
                    sum += features_of(g, s, n)[f] * edge_gradient(g, d, s, share, n, k);
        }
        sum = warp_sum(sum);
        if (lane_index() == 0)
            d.partial_projection[std::int64_t{event.number} * pairs + pair] = sum;
    }
}

__global__ __launch_bounds__(kAttentionThreads,
                             8) void gat_backward_targets_kernel(AttentionBatch g,
                                                                 GatTensors t,
                                                                 Gradients d)
{
    Event const event = event_of(g);
    DropoutKey const key = g.dropout.key();
    for (std::int32_t i = event.begin + warp_index(); i < event.end; i += kAttentionWarps) {
        Slots const s = slots_of(g, event, i);
        fill_loop_features(g, s);
        softmax_backward(g, event, key, s, d.slots, EdgeExponent{g, t});
        if (d.dedge != nullptr) add_feature_gradients(g, t, d, s);
    }
}

__global__ __launch_bounds__(kAttentionThreads,
                             8) void gat_backward_sources_kernel(AttentionBatch g,
                                                                 GatTensors t,
                                                                 Gradients d)
{
    Event const event = event_of(g);
    for (std::int32_t j = event.begin + warp_index(); j < event.end; j += kAttentionWarps)
        gather_source(g, event, t, d, j);
}

__global__ __launch_bounds__(kAttentionThreads,
                             8) void gat_backward_parameters_kernel(AttentionBatch g,
                                                                    GatTensors t,
                                                                    Gradients d)
{
    sum_parameters(g, event_of(g), t, d);
}

/// From the gradient of the projection to those of both its factors.
void add_edge_parameter_gradients(Context& ctx, GatGradArgs const& args, float const* dprojection)
{
    std::int64_t const heads = args.in.h.shape[1], channels = args.in.h.shape[2];
    std::int64_t const features = num_features(args.in);
    float const *const weight = floats(args.in.edge_weight), *const att = floats(args.in.att_edge);
    float *const dweight = floats(args.dedge_weight), *const datt = floats(args.datt_edge);
    for_each(ctx, "gat_edge_parameters", heads * channels, [=] __device__(std::int64_t at) {
        float sum = 0;
        for (std::int64_t f = 0; f < features; ++f) {
            float const d = dprojection[f * heads + at / channels];
            dweight[f * heads * channels + at] += d * att[at];
            sum += d * weight[f * heads * channels + at];
        }
        datt[at] += sum;
    });
}
}  // namespace

void gat_backward(Context& ctx, GatGradArgs const& args)
{
    std::int64_t const nodes = args.in.h.shape[0], heads = args.in.h.shape[1];
    std::int64_t const edges = args.in.source.shape[0], features = num_features(args.in);
    std::int64_t const step = heads * args.in.h.shape[2], width = args.dy.shape[1];
    std::int64_t const events = args.in.row_ptr.shape[0] - 1;
    bool const wants_bias = !args.dbias.empty();
    auto const loop_features = ctx.scratch<float>(nodes * features);
    auto const projection = edge_projection(ctx, args.in);
    auto const slots = ctx.scratch<float>(2 * (nodes + edges) * heads);
    auto const node_sums = ctx.scratch<float>(2 * nodes * heads);
    OutEdgeLists const out(ctx, Rows(args.in.row_ptr, nodes),
                           InEdges(args.in.edge_ptr, args.in.source));
    auto const partial_att = ctx.scratch<float>(2 * events * step);
    auto const partial_bias = ctx.scratch<float>(wants_bias ? events * width : 0);
    auto const partial_projection = ctx.scratch<float>(events * features * heads);

    AttentionBatch const g =
        attention_batch(args.in, args.in.h, args.options, loop_features.data());
    GatTensors const t = gat_tensors(args.in, args.saved, projection.data());
    Gradients const d{.slots = {.rows = t.h,
                                .lse = t.saved + 2 * t.padded,
                                .lse_step = 3 * std::int64_t{t.padded},
                                .dy = floats(args.dy),
                                .weight = slots.data(),
                                .gradient = slots.data() + (nodes + edges) * heads,
                                .dtarget = node_sums.data()},
                      .out = out.view(),
                      .dsource = node_sums.data() + nodes * heads,
                      .dh = floats(args.dh),
                      .dedge = floats(args.dedge),
                      .partial_source = partial_att.data(),
                      .partial_target = partial_att.data() + events * step,
                      .partial_bias = wants_bias ? partial_bias.data() : nullptr,
                      .partial_projection = partial_projection.data()};
    auto const run = [&](char const* name, auto* kernel) {
        launch(ctx, {name, static_cast<unsigned>(events), kAttentionThreads}, kernel, g, t, d);
    };
    run("gat_backward_targets", gat_backward_targets_kernel);
    run("gat_backward_sources", gat_backward_sources_kernel);
    run("gat_backward_parameters", gat_backward_parameters_kernel);

    auto const add = [&](float const* from, std::int64_t count, float* to) {
        add_partials<double>(ctx, "gat_parameters", from, events, count, to);
    };
    add(d.partial_source, step, floats(args.datt_source));
    add(d.partial_target, step, floats(args.datt_target));
    if (wants_bias) add(d.partial_bias, width, floats(args.dbias));
    if (features == 0) return;
    auto const dprojection = ctx.scratch<float>(features * heads);
    ctx.fill_zero(dprojection.data(), static_cast<std::size_t>(features * heads) * sizeof(float));
    add(d.partial_projection, features * heads, dprojection.data());
    add_edge_parameter_gradients(ctx, args, dprojection.data());
}
}  // namespace calofuse::cuda
