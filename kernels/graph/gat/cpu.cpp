#include "kernels/graph/attention/host.hpp"
#include "kernels/graph/gat.hpp"
#include "kernels/graph/gat/simd.hpp"
#include "runtime/isa.hpp"

namespace calofuse::cpu {
namespace {
GatKernels const& kernels()
{
    return cpu_isa() == Isa::avx512 ? avx512::gat_kernels : avx2::gat_kernels;
}

float* data(TensorRef const& t)
{
    return static_cast<float*>(t.data);
}

AttentionGraph graph_of(GatInputs const& in, GatOptions const& options)
{
    return {.heads = static_cast<int>(in.h.shape[1]),
            .channels = static_cast<int>(in.h.shape[2]),
            .stride = static_cast<int>(padded_heads(in.h.shape[1])),
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

/// (G, stride): att_edge[k] . edge_weight[g, k]
Block<float> edge_projection(Context& ctx, GatInputs const& in, AttentionGraph const& g)
{
    auto out = ctx.scratch<float>(std::int64_t{g.features} * g.stride);
    std::fill_n(out.data(), out.size(), 0.0F);
    for (std::int64_t k = 0; k < std::int64_t{g.features} * g.heads; ++k) {
        std::int64_t const head = k % g.heads;
        float sum = 0;
        for (std::int64_t c = 0; c < g.channels; ++c)
            sum +=
                data(in.edge_weight)[k * g.channels + c] * data(in.att_edge)[head * g.channels + c];
        out.data()[k / g.heads * g.stride + head] = sum;
    }
    return out;
}

/// From the gradient of the projection to those of both its factors.
void add_edge_parameter_gradients(GatGradArgs const& args,
                                  AttentionGraph const& g,
                                  PartialSums const& sums,
                                  std::int64_t column)
{
    for (std::int64_t k = 0; k < std::int64_t{g.features} * g.heads; ++k) {
        std::int64_t const head = k % g.heads;
        auto const d = static_cast<float>(sums.total(column + k / g.heads * g.stride + head));
        for (std::int64_t c = 0; c < g.channels; ++c) {
            std::int64_t const at = head * g.channels + c;
            data(args.dedge_weight)[k * g.channels + c] += d * data(args.in.att_edge)[at];
            data(args.datt_edge)[at] += d * data(args.in.edge_weight)[k * g.channels + c];
        }
    }
}

GatTensors tensors_of(GatInputs const& in, TensorRef const& saved, float const* projection)
{
    return {data(in.h), data(in.att_source), data(in.att_target), projection, data(saved)};
}
}  // namespace

void gat_forward(Context& ctx, GatArgs const& args)
{
    AttentionGraph const graph = graph_of(args.in, args.options);
    auto const row_ptr = args.in.row_ptr.view<std::int32_t const, 1>();
    auto const projection = edge_projection(ctx, args.in, graph);
    GatTensors const in = tensors_of(args.in, args.saved, projection.data());
    GatOutputs const out{data(args.bias), data(args.y), data(args.alpha), data(args.alpha_loop)};
    GatKernels const& run = kernels();
    each_attention_graph(ctx, graph, row_ptr.data, row_ptr.size() - 1,
                         [&](AttentionGraph const& g, AttentionWork const& work, std::int64_t) {
                             run.forward(g, work, in, out);
                         });
}

void gat_backward(Context& ctx, GatGradArgs const& args)
{
    AttentionGraph const graph = graph_of(args.in, args.options);
    auto const row_ptr = args.in.row_ptr.view<std::int32_t const, 1>();
    std::int64_t const graphs = row_ptr.size() - 1;
    auto const projection = edge_projection(ctx, args.in, graph);
    GatTensors const in = tensors_of(args.in, args.saved, projection.data());
    std::int64_t const step = std::int64_t{graph.heads} * graph.channels;
    std::int64_t const width = args.dy.shape[1];
    std::int64_t const edge_column = 2 * step + width;  // after both att's and the bias
    PartialSums const sums(ctx, graphs, edge_column + projection.size());
    GatKernels const& run = kernels();
    each_attention_graph(
        ctx, graph, row_ptr.data, graphs,
        [&](AttentionGraph const& g, AttentionWork const& work, std::int64_t item) {
            float* const partial = sums.of_item(item);
            run.backward(g, work, in,
                         {.dy = data(args.dy),
                          .dh = data(args.dh),
                          .datt_source = partial,
                          .datt_target = partial + step,
                          .dbias = args.dbias.empty() ? nullptr : partial + 2 * step,
                          .dedge_projection = partial + edge_column,
                          .dedge = data(args.dedge)});
        });
    sums.add_to(args.datt_source, 0);
    sums.add_to(args.datt_target, step);
    if (!args.dbias.empty()) sums.add_to(args.dbias, 2 * step);
    if (graph.features > 0) add_edge_parameter_gradients(args, graph, sums, edge_column);
}
}  // namespace calofuse::cpu
