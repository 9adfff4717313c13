#include <algorithm>
#include <omp.h>

#include "kernels/graph/edge_conv.hpp"
#include "kernels/graph/edge_conv/simd.hpp"
#include "runtime/isa.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kGraphsPerItem = 4;
/// Partial weight gradients: at most this many, whatever the batch.
constexpr std::int64_t kMaxPartials = 64;

EdgeConvKernels const& kernels()
{
    return cpu_isa() == Isa::avx512 ? avx512::edge_conv_kernels : avx2::edge_conv_kernels;
}

int padded(std::int64_t columns)
{
    return static_cast<int>((columns + 15) / 16 * 16);
}

EdgeConvKind kind_of(EdgeAggregate aggregate)
{
    return aggregate == EdgeAggregate::max   ? EdgeConvKind::max
           : aggregate == EdgeAggregate::sum ? EdgeConvKind::sum
                                             : EdgeConvKind::mean;
}

template <class Args>
EdgeConvGraph graph_of(Args const& args)
{
    return {.target = static_cast<float const*>(args.target.data),
            .neighbour = static_cast<float const*>(args.neighbour.data),
            .edge_ptr = static_cast<std::int32_t const*>(args.edge_ptr.data),
            .source = static_cast<std::int32_t const*>(args.source.data),
            .hidden = static_cast<int>(args.w.shape[0]),
            .outputs = static_cast<int>(args.w.shape[1]),
            .padded_hidden = padded(args.w.shape[0]),
            .padded_outputs = padded(args.w.shape[1]),
            .kind = kind_of(args.aggregate)};
}

/// Zeros for every thread, `size` each.
Block<float> workspaces(Context& ctx, std::int64_t size)
{
    auto out = ctx.scratch<float>(ctx.threads() * size);
    std::fill_n(out.data(), out.size(), 0.0F);
    return out;
}

/// (rows, columns) with rows `padded(columns)` apart and zeros between; `at(row, column)`.
template <class At>
Block<float> pack(Context& ctx, std::int64_t rows, std::int64_t columns, At&& at)
{
    std::int64_t const width = padded(columns);
    auto out = ctx.scratch<float>(rows * width);
    std::fill_n(out.data(), out.size(), 0.0F);
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < columns; ++c)
            out.data()[r * width + c] = at(r, c);
    return out;
}

/// How often b2 entered y_i.
float num_biases(EdgeConvGraph const& g, std::int32_t i)
{
    std::int32_t const degree = g.edge_ptr[i + 1] - g.edge_ptr[i];
    return g.kind == EdgeConvKind::sum ? static_cast<float>(degree) : degree > 0 ? 1.0F : 0.0F;
}

void add_bias_gradient(
    EdgeConvGraph const& g, float const* dy, std::int32_t begin, std::int32_t end, double* sum)
{
    for (std::int32_t i = begin; i < end; ++i) {
        auto const factor = static_cast<double>(num_biases(g, i));
        float const* const row = dy + static_cast<std::int64_t>(i) * g.outputs;
        for (int o = 0; o < g.outputs; ++o)
            sum[o] += factor * static_cast<double>(row[o]);
    }
}

/// Partial results of each item, added up in order.
struct Partials {
    std::int64_t items, dw_size, outputs;
    Block<float> dw;
    Block<double> dbias;

    Partials(Context& ctx, std::int64_t n, EdgeConvGraph const& g)
        : items(n)
        , dw_size(static_cast<std::int64_t>(g.outputs) * g.padded_hidden)
        , outputs(g.outputs)
        , dw(ctx.scratch<float>(n * dw_size))
        , dbias(ctx.scratch<double>(n * outputs))
    {}
    float* dw_of(std::int64_t item) const { return dw.data() + item * dw_size; }
    double* dbias_of(std::int64_t item) const { return dbias.data() + item * outputs; }
    void clear(std::int64_t item) const
    {
        std::fill_n(dw_of(item), dw_size, 0.0F);
        std::fill_n(dbias_of(item), outputs, 0.0);
    }
    void add_to(Context& ctx, EdgeConvGraph const& g, float* into_dw, float* into_dbias) const
    {
        auto const sums = ctx.scratch<double>(dw_size);
        parallel_for(ctx, outputs, [&](std::int64_t o) {
            double* const sum = sums.data() + o * g.padded_hidden;
            std::fill_n(sum, g.hidden, 0.0);
            for (std::int64_t item = 0; item < items; ++item)
                for (std::int64_t h = 0; h < g.hidden; ++h)
                    sum[h] += static_cast<double>(dw_of(item)[o * g.padded_hidden + h]);
            for (std::int64_t h = 0; h < g.hidden; ++h)
                into_dw[h * outputs + o] += static_cast<float>(sum[h]);
            double bias = 0;
            for (std::int64_t item = 0; item < items; ++item)
                bias += dbias_of(item)[o];
            if (into_dbias != nullptr) into_dbias[o] += static_cast<float>(bias);
        });
    }
};
}  // namespace

void edge_conv_forward(Context& ctx, EdgeConvArgs const& args)
{
    auto const row_ptr = args.row_ptr.view<std::int32_t const, 1>();
    EdgeConvGraph const graph = graph_of(args);
    auto const w = args.w.view<float const, 2>();
    auto const packed = pack(ctx, graph.hidden, graph.outputs,
                             [&](std::int64_t h, std::int64_t o) { return w(h, o); });
    auto const bias = ctx.scratch<float>(graph.outputs);
    if (args.bias.empty())
        std::fill_n(bias.data(), graph.outputs, 0.0F);
    else
        std::copy_n(static_cast<float const*>(args.bias.data), graph.outputs, bias.data());
    std::int64_t const size =
        kEdgeConvRows * static_cast<std::int64_t>(graph.padded_hidden + graph.padded_outputs);
    auto const workspace = workspaces(ctx, size);
    parallel_chunks(
        ctx, row_ptr.shape[0] - 1, kGraphsPerItem, [&](std::int64_t begin, std::int64_t end, auto) {
            EdgeConvForward const task{.graph = graph,
                                       .w = packed.data(),
                                       .bias = bias.data(),
                                       .y = static_cast<float*>(args.y.data),
                                       .winner = static_cast<std::int32_t*>(args.winner.data),
                                       .workspace = workspace.data() + omp_get_thread_num() * size};
            kernels().forward(task, row_ptr[begin], row_ptr[end]);
        });
}

void edge_conv_backward(Context& ctx, EdgeConvGradArgs const& args)
{
    auto const row_ptr = args.row_ptr.view<std::int32_t const, 1>();
    EdgeConvGraph const graph = graph_of(args);
    auto const w = args.w.view<float const, 2>();
    auto const packed = pack(ctx, graph.outputs, graph.hidden,
                             [&](std::int64_t o, std::int64_t h) { return w(h, o); });
    std::int64_t const graphs = row_ptr.shape[0] - 1;
    std::int64_t const chunk = std::max(kGraphsPerItem, (graphs + kMaxPartials - 1) / kMaxPartials);
    Partials const partials(ctx, (graphs + chunk - 1) / chunk, graph);
    std::int64_t const size =
        kEdgeConvRows * static_cast<std::int64_t>(2 * graph.padded_hidden + graph.padded_outputs);
    auto const workspace = workspaces(ctx, size);
    auto const* const dy = static_cast<float const*>(args.dy.data);
    parallel_chunks(
        ctx, graphs, chunk, [&](std::int64_t begin, std::int64_t end, std::int64_t item) {
            partials.clear(item);
            EdgeConvBackward const task{
                .graph = graph,
                .w = packed.data(),
                .dy = dy,
                .winner = static_cast<std::int32_t const*>(args.winner.data),
                .dtarget = static_cast<float*>(args.dtarget.data),
                .dneighbour = static_cast<float*>(args.dneighbour.data),
                .dw = partials.dw_of(item),
                .workspace = workspace.data() + omp_get_thread_num() * size};
            kernels().backward(task, row_ptr[begin], row_ptr[end]);
            add_bias_gradient(graph, dy, row_ptr[begin], row_ptr[end], partials.dbias_of(item));
        });
    partials.add_to(ctx, graph, static_cast<float*>(args.dw.data),
                    static_cast<float*>(args.dbias.data));
}
}  // namespace calofuse::cpu
