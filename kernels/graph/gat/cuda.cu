// A block has one event, whose rows of h stay in the caches while its warps go over the edges. Bound by
// memory: 2 rows of H C numbers a node; about 4 H C FLOP a slot.
#include "kernels/graph/attention/forward.cuh"
#include "kernels/graph/gat/device.cuh"

namespace calofuse::cuda {
namespace {
/// s and t of a node by a warp; 0 for the heads that pad a row.
__device__ void score_node(AttentionBatch const& g, GatTensors const& t, std::int32_t i)
{
    float const* const h = t.h + std::int64_t{i} * g.step();
    float* const to = t.scores(i);
    ChannelLanes const lanes(g.channels);
    for (int side = 0; side < 2; ++side) {
        float const* const att = side == 0 ? t.att_source : t.att_target;
        each_head_sum(
            lanes, g.heads, g.channels,
            [&](int k, int c) { return h[k * g.channels + c] * att[k * g.channels + c]; },
            [&](int k, float sum) { to[side * t.padded + k] = sum; });
        int const k = g.heads + lane_index();
        if (k < t.padded) to[side * t.padded + k] = 0;
    }
}

__global__ __launch_bounds__(kAttentionThreads, 7) void gat_forward_kernel(AttentionBatch g,
                                                                           GatTensors t,
                                                                           AttentionOutputs out)
{
    __shared__ float shared[kAttentionWarps][kWarp];
    Event const event = event_of(g);
    DropoutKey const key = g.dropout.key();
    for (std::int32_t i = event.begin + warp_index(); i < event.end; i += kAttentionWarps)
        score_node(g, t, i);
    __syncthreads();
    for (std::int32_t i = event.begin + warp_index(); i < event.end; i += kAttentionWarps) {
        Slots const s = slots_of(g, event, i);
        fill_loop_features(g, s);
        attend(g, event, key, s, out, shared[warp_index()], EdgeExponent{g, t});
    }
}
}  // namespace

void gat_forward(Context& ctx, GatArgs const& args)
{
    auto const loop_features = ctx.scratch<float>(args.in.h.shape[0] * num_features(args.in));
    auto const projection = edge_projection(ctx, args.in);
    AttentionBatch const g =
        attention_batch(args.in, args.in.h, args.options, loop_features.data());
    GatTensors const t = gat_tensors(args.in, args.saved, projection.data());
    AttentionOutputs const out{.rows = t.h,
                               .bias = floats(args.bias),
                               .y = floats(args.y),
                               .lse = t.saved + 2 * t.padded,
                               .lse_step = 3 * std::int64_t{t.padded},
                               .alpha = floats(args.alpha),
                               .alpha_loop = floats(args.alpha_loop)};
    auto const events = static_cast<unsigned>(args.in.row_ptr.shape[0] - 1);
    launch(ctx, {"gat_forward", events, kAttentionThreads}, gat_forward_kernel, g, t, out);
}
}  // namespace calofuse::cuda
