// Every edge into and out of a node hands its part of the gradient of the hidden values on, computed
// again where it is needed; no tensor of edges by channels.
#include "kernels/device/columns.cuh"
#include "kernels/gemm/gemm.hpp"
#include "kernels/graph/edge_conv/rows.cuh"
#include "kernels/graph/edges/out_edges.cuh"

namespace calofuse::cuda {
namespace {
/// Gradient of the hidden values of each edge into a node.
struct StoreHiddenGradient {
    EdgeConvGraph g;
    float* out;
    __device__ void operator()(std::int32_t i, int h, float sum) const
    {
        out[static_cast<std::int64_t>(i) * g.hidden + h] = sum * g.scale(i);
    }
};

struct Transpose {
    float const* w;
    float* out;  ///< (outputs, hidden)
    int hidden, outputs;
    __device__ void operator()(std::int64_t i) const
    {
        out[i] = w[i % hidden * outputs + i / hidden];
    }
};

/// Gradient of hidden value h of edge e into node i: sum and mean, the same for all edges.
struct GradientOfNode {
    float const* dhidden;  ///< (N, hidden)
    int hidden;
    __device__ float operator()(std::int32_t i, std::int32_t, int h, bool inside) const
    {
        return inside ? dhidden[static_cast<std::int64_t>(i) * hidden + h] : 0.0F;
    }
};
/// Maximum: from the outputs that edge e won, found 32 at a time. All lanes must take part.
struct GradientOfWinner {
    float const *dy, *w;  ///< (N, outputs), (outputs, hidden)
    std::int32_t const* winner;
    int hidden, outputs;
    __device__ float operator()(std::int32_t i, std::int32_t e, int h, bool inside) const
    {
        float sum = 0;
        std::int64_t const row = static_cast<std::int64_t>(i) * outputs;
        int const lane = lane_index();
        for (int o0 = 0; o0 < outputs; o0 += kWarp) {
            bool const won = o0 + lane < outputs && winner[row + o0 + lane] == e;
            for (unsigned left = __ballot_sync(kFullMask, won); left != 0; left &= left - 1) {
                int const o = o0 + __ffs(static_cast<int>(left)) - 1;
                if (inside) sum += dy[row + o] * w[static_cast<std::int64_t>(o) * hidden + h];
            }
        }
        return sum;
    }
};

/// dt_i, ds_i from the edges into node i and out of it. A loop gives nothing to ds: s_j - s_i is 0
/// whatever s is. Bound by L2: 8 H bytes an edge, and 8 H for each output with a maximum.
template <class Gradient>
struct NodeGradient {
    EdgeConvGraph g;
    OutEdges out;
    Gradient gradient;
    float *dtarget, *dneighbour;

    __device__ void operator()(std::int32_t i, int lane) const
    {
        for (int h0 = 0; h0 < g.hidden; h0 += kWarp) {
            int const h = h0 + lane;
            bool const inside = h < g.hidden;
            float to_target = 0, to_neighbour = 0;
            for (std::int32_t e = g.edge_ptr[i]; e < g.edge_ptr[i + 1]; ++e) {
                std::int32_t const j = g.source[e];
                float const d = gradient(i, e, h, inside);
                if (!inside || g.inner(i, j, h) <= 0) continue;
                to_target += d;
                if (j != i) to_neighbour -= d;
            }
            for (std::int32_t place = out.begin[i]; place < out.end[i]; ++place) {
                std::int32_t const to = out.target[place];
                if (to == i) continue;
                float const d = gradient(to, out.edge[place], h, inside);
                if (inside && g.inner(to, i, h) > 0) to_neighbour += d;
            }
            if (!inside) continue;
            std::int64_t const at = static_cast<std::int64_t>(i) * g.hidden + h;
            dtarget[at] += to_target;
            dneighbour[at] += to_neighbour;
        }
    }
};

/// Hidden value h of the edge behind output o of node i.
struct HiddenOfWinner {
    EdgeConvGraph g;
    std::int32_t const* winner;
    __device__ float operator()(std::int32_t i, int o, int h) const
    {
        std::int32_t const e = winner[static_cast<std::int64_t>(i) * g.outputs + o];
        return e < 0 ? 0.0F : g.hidden_of(i, g.source[e], h);
    }
};

constexpr int kWeightOutputs = 16;  // outputs of a warp
constexpr int kWeightWarps = 4;
constexpr std::int64_t kWeightRows = 64;
constexpr std::int64_t kMaxPartials = 512;

/// partial[block] = hidden^T dy over the block's rows; lanes over hidden values, 16 outputs in
/// registers. No gemm, for the hidden values differ from output to output: bound by L2, 4 bytes for
/// each multiply-add.
__global__ void __launch_bounds__(kWarp* kWeightWarps)
    weight_gradient_kernel(Rows rows,
                           HiddenOfWinner hidden_of,
                           float const* dy,
                           int hidden,
                           int outputs,
                           std::int64_t rows_per_block,
                           float* partial)
{
    int const h = static_cast<int>(blockIdx.y * kWarp + threadIdx.x);
    int const o0 = static_cast<int>(blockIdx.z * kWeightWarps + threadIdx.y) * kWeightOutputs;
    if (h >= hidden || o0 >= outputs) return;
    std::int64_t const begin = blockIdx.x * rows_per_block;
    std::int64_t const end = min(begin + rows_per_block, std::int64_t{rows.count()});
    float sum[kWeightOutputs] = {};
    for (std::int64_t i = begin; i < end; ++i)
#pragma unroll
        for (int o = 0; o < kWeightOutputs; ++o)
            if (o0 + o < outputs)
                sum[o] +=
                    hidden_of(static_cast<std::int32_t>(i), o0 + o, h) * dy[i * outputs + o0 + o];
    float* const out = partial + (std::int64_t{blockIdx.x} * hidden + h) * outputs + o0;
#pragma unroll
    for (int o = 0; o < kWeightOutputs; ++o)
        if (o0 + o < outputs) out[o] = sum[o];
}

struct BiasTerm {
    EdgeConvGraph g;
    float const* dy;
    __device__ double operator()(std::int64_t i, std::int64_t o) const
    {
        return static_cast<double>(g.num_biases(static_cast<std::int32_t>(i)))
               * static_cast<double>(dy[i * g.outputs + o]);
    }
};

/// Of a maximum.
void add_weight_gradient(Context& ctx,
                         Rows const& rows,
                         HiddenOfWinner const& hidden_of,
                         EdgeConvGradArgs const& args)
{
    std::int64_t const share =
        std::max(kWeightRows, (rows.capacity + kMaxPartials - 1) / kMaxPartials);
    unsigned const parts = blocks_for(rows.capacity, share);
    auto const partial = ctx.scratch<float>(parts * args.dw.size());
    int const hidden = hidden_of.g.hidden, outputs = hidden_of.g.outputs;
    launch(
        ctx,
        {"edge_conv_weights",
         dim3(parts, blocks_for(hidden, kWarp), blocks_for(outputs, kWeightOutputs * kWeightWarps)),
         dim3(kWarp, kWeightWarps)},
        weight_gradient_kernel, rows, hidden_of, static_cast<float const*>(args.dy.data), hidden,
        outputs, share, partial.data());
    add_partials<double>(ctx, "edge_conv_weights", partial.data(), parts, args.dw.size(),
                         static_cast<float*>(args.dw.data));
}
/// Of a sum or mean: hidden (N, H), transposed, times dy.
void add_weight_gradient(Context& ctx,
                         Rows const& rows,
                         float const* hidden,
                         EdgeConvGradArgs const& args)
{
    std::int64_t const width = args.dw.shape[0], outputs = args.dw.shape[1];
    GemmArgs weights{.a_order = Order::columns,
                     .a_stride = width,
                     .b_stride = outputs,
                     .c_stride = outputs,
                     .write = GemmWrite::add,
                     .part = gemm_part(rows.capacity),
                     .depth = rows.exist()};
    weights.product[0] = {.a = hidden,
                          .b = static_cast<float const*>(args.dy.data),
                          .c = static_cast<float*>(args.dw.data),
                          .m = width,
                          .n = outputs,
                          .k = rows.capacity};
    gemm(ctx, weights);
}
}  // namespace

void edge_conv_backward(Context& ctx, EdgeConvGradArgs const& args)
{
    Rows const rows(args.row_ptr, args.target.shape[0]);
    EdgeConvGraph const g = edge_conv_graph(args);
    auto const* const dy = static_cast<float const*>(args.dy.data);
    auto const* const winner = static_cast<std::int32_t const*>(args.winner.data);
    auto *const dt = static_cast<float*>(args.dtarget.data), *const ds = static_cast<float*>(
                                                                 args.dneighbour.data);
    auto const* const w = static_cast<float const*>(args.w.data);
    OutEdgeLists const out(ctx, rows, InEdges(args.edge_ptr, args.source));
    if (args.aggregate == EdgeAggregate::max) {
        auto const transposed = ctx.scratch<float>(args.w.size());
        for_each(ctx, "edge_conv_transpose", args.w.size(),
                 Transpose{w, transposed.data(), g.hidden, g.outputs});
        each_node_warp(
            ctx, "edge_conv_backward", rows,
            NodeGradient<GradientOfWinner>{
                g, out.view(), {dy, transposed.data(), winner, g.hidden, g.outputs}, dt, ds});
        add_weight_gradient(ctx, rows, HiddenOfWinner{g, winner}, args);
    } else {
        auto const hidden = ctx.scratch<float>(args.target.size());
        auto const dhidden = ctx.scratch<float>(args.target.size());
        multiply_rows(ctx, "edge_conv_dhidden", rows, dy,
                      MatrixFactor<true>{w, g.outputs, g.hidden, g.outputs},
                      StoreHiddenGradient{g, dhidden.data()});
        each_node_warp(
            ctx, "edge_conv_backward", rows,
            NodeGradient<GradientOfNode>{g, out.view(), {dhidden.data(), g.hidden}, dt, ds});
        each_node_warp(ctx, "edge_conv_hidden", rows, HiddenOfNodes{g, hidden.data()});
        add_weight_gradient(ctx, rows, hidden.data(), args);
    }
    if (!args.dbias.empty())
        column_sums(ctx, "edge_conv_bias", Columns(rows.capacity, g.outputs, rows.exist()),
                    BiasTerm{g, dy}, AddColumn{static_cast<float*>(args.dbias.data)});
}
}  // namespace calofuse::cuda
