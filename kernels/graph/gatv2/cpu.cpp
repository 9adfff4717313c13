#include "kernels/graph/attention/host.hpp"
#include "kernels/graph/gatv2.hpp"
#include "kernels/graph/gatv2/simd.hpp"
#include "runtime/isa.hpp"

namespace calofuse::cpu {
namespace {
Gatv2Kernels const& kernels()
{
    return cpu_isa() == Isa::avx512 ? avx512::gatv2_kernels : avx2::gatv2_kernels;
}

float* data(TensorRef const& t)
{
    return static_cast<float*>(t.data);
}

AttentionGraph graph_of(Gatv2Inputs const& in, Gatv2Options const& options)
{
    return {.heads = static_cast<int>(in.left.shape[1]),
            .channels = static_cast<int>(in.left.shape[2]),
            .stride = static_cast<int>(padded_heads(in.left.shape[1])),
            .add_loops = options.loops == SelfLoops::add,
            .mean_heads = options.merge == HeadMerge::mean,
            .slope = options.slope,
            .edge_ptr = static_cast<std::int32_t const*>(in.edge_ptr.data),
            .source = static_cast<std::int32_t const*>(in.source.data),
            .edge = data(in.edge),
            .features = in.edge.rank == 0 ? 0 : static_cast<int>(in.edge.shape[1]),
            .begin = 0,
            .end = 0,
            .dropout = dropout_key(options.dropout)};
}

Gatv2Tensors tensors_of(Gatv2Inputs const& in, TensorRef const& saved)
{
    return {.left = data(in.left),
            .right = data(in.right),
            .att = data(in.att),
            .edge_weight = data(in.edge_weight),
            .saved = data(saved),
            .loop_features = nullptr};
}
}  // namespace

void gatv2_forward(Context& ctx, Gatv2Args const& args)
{
    AttentionGraph const graph = graph_of(args.in, args.options);
    auto const row_ptr = args.in.row_ptr.view<std::int32_t const, 1>();
    Gatv2Outputs const out{data(args.bias), data(args.y), data(args.alpha), data(args.alpha_loop)};
    std::int64_t const loops = kAttentionBlockSlots * graph.features;
    auto const loop_features = ctx.scratch<float>(ctx.threads() * loops);
    Gatv2Kernels const& run = kernels();
    each_attention_graph(ctx, graph, row_ptr.data, row_ptr.size() - 1,
                         [&](AttentionGraph const& g, AttentionWork const& work, std::int64_t) {
                             Gatv2Tensors in = tensors_of(args.in, args.saved);
                             in.loop_features = loop_features.data() + omp_get_thread_num() * loops;
                             run.forward(g, work, in, out);
                         });
}

void gatv2_backward(Context& ctx, Gatv2GradArgs const& args)
{
    AttentionGraph const graph = graph_of(args.in, args.options);
    auto const row_ptr = args.in.row_ptr.view<std::int32_t const, 1>();
    std::int64_t const graphs = row_ptr.size() - 1;
    std::int64_t const step = std::int64_t{graph.heads} * graph.channels;
    std::int64_t const edge_column = step + args.dy.shape[1];  // after att and the bias
    std::int64_t const loops = kAttentionBlockSlots * graph.features;
    auto const loop_features = ctx.scratch<float>(ctx.threads() * 2 * loops);
    PartialSums const sums(ctx, graphs, edge_column + graph.features * step);
    Gatv2Kernels const& run = kernels();
    each_attention_graph(
        ctx, graph, row_ptr.data, graphs,
        [&](AttentionGraph const& g, AttentionWork const& work, std::int64_t item) {
            float* const partial = sums.of_item(item);
            float* const features = loop_features.data() + omp_get_thread_num() * 2 * loops;
            Gatv2Tensors in = tensors_of(args.in, args.saved);
            in.loop_features = features;
            run.backward(g, work, in,
                         {.dy = data(args.dy),
                          .dleft = data(args.dleft),
                          .dright = data(args.dright),
                          .datt = partial,
                          .dbias = args.dbias.empty() ? nullptr : partial + step,
                          .dedge_weight = partial + edge_column,
                          .dedge = data(args.dedge),
                          .dloop_features = features + loops});
        });
    sums.add_to(args.datt, 0);
    if (!args.dbias.empty()) sums.add_to(args.dbias, step);
    if (graph.features > 0) sums.add_to(args.dedge_weight, edge_column);
}
}  // namespace calofuse::cpu
