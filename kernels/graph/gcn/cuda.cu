// A warp a node, lanes over its channels; the gradient of u is gathered over the edges out of a node.
#include <cmath>

#include "kernels/device/columns.cuh"
#include "kernels/device/nodes.cuh"
#include "kernels/graph/edges/out_edges.cuh"
#include "kernels/graph/gcn.hpp"

namespace calofuse::cuda {
namespace {
struct Graph {
    std::int32_t const *edge_ptr, *source;
    float const* edge_weight;  ///< null: ones
    SelfLoops loops;

    __device__ float weight(std::int32_t e) const
    {
        return edge_weight == nullptr ? 1.0F : edge_weight[e];
    }
    /// Whether an edge from j into i is the one loop of SelfLoops::add, or ignored for it.
    __device__ bool apart(std::int32_t i, std::int32_t j) const
    {
        return j == i && loops == SelfLoops::add;
    }
    /// The one loop, if the edges hold it, or -1.
    __device__ std::int32_t loop(std::int32_t i) const
    {
        if (loops == SelfLoops::as_given) return -1;
        std::int32_t e = edge_ptr[i + 1] - 1;
        while (e >= edge_ptr[i] && source[e] != i)
            --e;
        return e >= edge_ptr[i] ? e : -1;
    }
    __device__ float loop_weight(std::int32_t i) const
    {
        if (loops == SelfLoops::as_given) return 0.0F;
        std::int32_t const e = loop(i);
        return e < 0 ? 1.0F : weight(e);
    }
};

template <class Args>
Graph graph_of(Args const& args)
{
    return {static_cast<std::int32_t const*>(args.edge_ptr.data),
            static_cast<std::int32_t const*>(args.source.data),
            static_cast<float const*>(args.edge_weight.data), args.loops};
}

/// What both passes need of every node, one thread each.
struct Roots {
    Graph graph;
    float *root, *loop;  ///< s and s^2 w of the loop
    __device__ void operator()(std::int32_t i) const
    {
        double degree = 0;
        for (std::int32_t e = graph.edge_ptr[i]; e < graph.edge_ptr[i + 1]; ++e)
            if (!graph.apart(i, graph.source[e])) degree += static_cast<double>(graph.weight(e));
        float const w = graph.loop_weight(i);
        degree += static_cast<double>(w);
        float const s = degree > 0 ? static_cast<float>(1 / std::sqrt(degree)) : 0.0F;
        root[i] = s;
        loop[i] = s * w * s;
    }
};

/// The edges into node i and the nodes they come from.
struct Into {
    Graph graph;
    __device__ std::int32_t begin(std::int32_t i) const { return graph.edge_ptr[i]; }
    __device__ std::int32_t end(std::int32_t i) const { return graph.edge_ptr[i + 1]; }
    __device__ std::int32_t edge(std::int32_t place) const { return place; }
    __device__ std::int32_t other(std::int32_t place) const { return graph.source[place]; }
};
/// The edges out of node i and the nodes they go to.
struct OutOf {
    OutEdges out;
    __device__ std::int32_t begin(std::int32_t i) const { return out.begin[i]; }
    __device__ std::int32_t end(std::int32_t i) const { return out.end[i]; }
    __device__ std::int32_t edge(std::int32_t place) const { return out.edge[place]; }
    __device__ std::int32_t other(std::int32_t place) const { return out.target[place]; }
};

/// out_i = (kAdd: out_i; else bias) + sum over edges of s_i w s_j in_j + s_i^2 w_loop in_i.
/// Bound by L2: 4 C bytes an edge.
template <class Edges, bool kAdd>
struct Gather {
    static constexpr int kVectors = 4;  // channels of a lane at a time
    Graph graph;
    Edges edges;
    float const *root, *loop, *in, *bias;
    float* out;
    std::int64_t channels;

    __device__ void add_row(std::int32_t row, float factor, std::int64_t c, float* sum) const
    {
#pragma unroll
        for (int v = 0; v < kVectors; ++v)
            if (c + v * kWarp < channels) sum[v] += factor * in[row * channels + c + v * kWarp];
    }
    __device__ void operator()(std::int32_t i, int lane) const
    {
        float const own = root[i];
        for (std::int64_t c = lane; c < channels; c += kVectors * kWarp) {
            float sum[kVectors];
#pragma unroll
            for (int v = 0; v < kVectors; ++v) {
                std::int64_t const at = c + v * kWarp;
                if constexpr (kAdd)
                    sum[v] = at < channels ? out[i * channels + at] : 0.0F;
                else
                    sum[v] = at < channels && bias != nullptr ? bias[at] : 0.0F;
            }
            for (std::int32_t place = edges.begin(i); place < edges.end(i); ++place) {
                std::int32_t const j = edges.other(place);
                if (graph.apart(i, j)) continue;
                add_row(j, own * graph.weight(edges.edge(place)) * root[j], c, sum);
            }
            if (graph.loops == SelfLoops::add) add_row(i, loop[i], c, sum);
#pragma unroll
            for (int v = 0; v < kVectors; ++v)
                if (c + v * kWarp < channels) out[i * channels + c + v * kWarp] = sum[v];
        }
    }
};

/// product_e = <dy_i, u_j> of every edge, and of the loop of every node. Bound by L2: 4 C bytes an edge.
struct Products {
    Graph graph;
    float const *dy, *u;
    float *of_edge, *of_loop;
    std::int64_t channels;

    __device__ float dot(std::int32_t i, std::int32_t j, int lane) const
    {
        float sum = 0;
        for (std::int64_t c = lane; c < channels; c += kWarp)
            sum += dy[i * channels + c] * u[j * channels + c];
        return warp_sum(sum);
    }
    __device__ void operator()(std::int32_t i, int lane) const
    {
        for (std::int32_t e = graph.edge_ptr[i]; e < graph.edge_ptr[i + 1]; ++e) {
            float const product = dot(i, graph.source[e], lane);
            if (lane == 0) of_edge[e] = product;
        }
        float const product = dot(i, i, lane);
        if (lane == 0) of_loop[i] = product;
    }
};

/// Through s_i w_e s_j, and through the degree of the target. One thread a node.
struct WeightGradient {
    Graph graph;
    OutOf out;
    float const *root, *of_edge, *of_loop;
    float* dw;

    template <class Edges>
    __device__ double pull(Edges const& edges, std::int32_t i) const
    {
        double sum = 0;
        for (std::int32_t place = edges.begin(i); place < edges.end(i); ++place) {
            std::int32_t const j = edges.other(place), e = edges.edge(place);
            if (graph.apart(i, j)) continue;
            sum += static_cast<double>(of_edge[e]) * static_cast<double>(graph.weight(e))
                   * static_cast<double>(root[j]);
        }
        return sum;
    }
    __device__ void operator()(std::int32_t i) const
    {
        auto const s = static_cast<double>(root[i]);
        std::int32_t const loop = graph.loop(i);
        double const of_loops =
            2 * static_cast<double>(of_loop[i]) * static_cast<double>(graph.loop_weight(i)) * s;
        double const all = pull(Into{graph}, i) + pull(out, i) + of_loops;
        auto const through_degree = static_cast<float>(-0.5 * s * s * s * all);
        for (std::int32_t e = graph.edge_ptr[i]; e < graph.edge_ptr[i + 1]; ++e)
            if (!graph.apart(i, graph.source[e]) || e == loop)
                dw[e] += of_edge[e] * root[i] * root[graph.source[e]] + through_degree;
    }
};
}  // namespace

void gcn_forward(Context& ctx, GcnArgs const& args)
{
    Rows const rows(args.row_ptr, args.u.shape[0]);
    Graph const graph = graph_of(args);
    auto const root = ctx.scratch<float>(rows.capacity), loop = ctx.scratch<float>(rows.capacity);
    each_node(ctx, "gcn_roots", rows, Roots{graph, root.data(), loop.data()});
    each_node_warp(ctx, "gcn_forward", rows,
                   Gather<Into, false>{graph,
                                       {graph},
                                       root.data(),
                                       loop.data(),
                                       static_cast<float const*>(args.u.data),
                                       static_cast<float const*>(args.bias.data),
                                       static_cast<float*>(args.y.data),
                                       args.u.shape[1]});
}

void gcn_backward(Context& ctx, GcnGradArgs const& args)
{
    Rows const rows(args.row_ptr, args.dy.shape[0]);
    Graph const graph = graph_of(args);
    std::int64_t const channels = args.dy.shape[1];
    auto const* const dy = static_cast<float const*>(args.dy.data);
    auto const root = ctx.scratch<float>(rows.capacity), loop = ctx.scratch<float>(rows.capacity);
    OutEdgeLists const lists(ctx, rows, InEdges(args.edge_ptr, args.source));
    OutOf const out{lists.view()};
    each_node(ctx, "gcn_roots", rows, Roots{graph, root.data(), loop.data()});
    each_node_warp(ctx, "gcn_backward", rows,
                   Gather<OutOf, true>{graph, out, root.data(), loop.data(), dy, nullptr,
                                       static_cast<float*>(args.du.data), channels});
    if (!args.dedge_weight.empty()) {
        auto const of_edge = ctx.scratch<float>(args.source.shape[0]);
        auto const of_loop = ctx.scratch<float>(rows.capacity);
        each_node_warp(ctx, "gcn_products", rows,
                       Products{graph, dy, static_cast<float const*>(args.u.data), of_edge.data(),
                                of_loop.data(), channels});
        each_node(ctx, "gcn_edge_weights", rows,
                  WeightGradient{graph, out, root.data(), of_edge.data(), of_loop.data(),
                                 static_cast<float*>(args.dedge_weight.data)});
    }
    if (!args.dbias.empty())
        column_sums(ctx, "gcn_bias", Columns(rows.capacity, channels, rows.exist()),
                    MatrixEntry<double, float>{dy, channels},
                    AddColumn{static_cast<float*>(args.dbias.data)});
}
}  // namespace calofuse::cuda
