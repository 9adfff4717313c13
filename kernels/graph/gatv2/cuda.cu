// As gat_cuda.cu, with exponents from scratch. Bound by memory while the degree is below about 20:
// 3 rows of H C numbers a node; 7 H C FLOP a slot.
#include "kernels/graph/attention/forward.cuh"
#include "kernels/graph/gatv2/device.cuh"

namespace calofuse::cuda {
namespace {
__global__ __launch_bounds__(kAttentionThreads, 7) void gatv2_forward_kernel(AttentionBatch g,
                                                                             Gatv2Tensors t,
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
}  // namespace

void gatv2_forward(Context& ctx, Gatv2Args const& args)
{
    std::int64_t const nodes = args.in.left.shape[0], heads = args.in.left.shape[1];
    auto const loop_features = ctx.scratch<float>(nodes * num_features(args.in));
    auto const exponent = ctx.scratch<float>((nodes + args.in.source.shape[0]) * heads);
    AttentionBatch const g =
        attention_batch(args.in, args.in.left, args.options, loop_features.data());
    Gatv2Tensors const t = gatv2_tensors(args.in, exponent.data());
    AttentionOutputs const out{.rows = t.left,
                               .bias = floats(args.bias),
                               .y = floats(args.y),
                               .lse = floats(args.saved),
                               .lse_step = args.saved.shape[1],
                               .alpha = floats(args.alpha),
                               .alpha_loop = floats(args.alpha_loop)};
    auto const events = static_cast<unsigned>(args.in.row_ptr.shape[0] - 1);
    launch(ctx, {"gatv2_forward", events, kAttentionThreads}, gatv2_forward_kernel, g, t, out);
}
}  // namespace calofuse::cuda
