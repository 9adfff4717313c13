// Forward max: a block takes 16 nodes and 64 outputs, multiplies 64 of their edges at a time and keeps
// the largest. Sum and mean commute with the second layer: hidden values are added up for each node
// (N, H) and multiplied once. Backward: every edge into and out of a node hands its part of the
// gradient of the hidden values on, computed again where it is needed; no tensor of edges by channels.
#include "kernels/common/nodes.cuh"
#include "kernels/common/out_edges.cuh"
#include "kernels/graph/edge_conv_math.cuh"
#include "kernels/graph/edge_conv_tile.cuh"

namespace calofuse::cuda {
namespace {
constexpr int kMaxNodes = 16;  // of a block of the maximum
static_assert(kTileThreads == 4 * kTile);

struct MaxMemory {
    TileMemory tile;
    float z[kTile][kTile + 1];
    std::int32_t end[kMaxNodes];  ///< of the edges of a node
    std::int32_t target[kTile], source[kTile];
};

/// Bound by FLOP: 2 H O for each edge, 4 (H + O) bytes for each node.
__global__ void __launch_bounds__(kTileThreads) max_kernel(
    Rows rows, EdgeConvGraph g, float const* w, float const* bias, float* y, std::int32_t* winner)
{
    __shared__ MaxMemory memory;
    std::int32_t const node = static_cast<std::int32_t>(blockIdx.x) * kMaxNodes;
    int const column = static_cast<int>(blockIdx.y) * kTile;
    int const nodes = min(rows.count() - node, kMaxNodes);
    int const thread = static_cast<int>(threadIdx.x);
    if (nodes <= 0) return;
    if (thread < kMaxNodes) memory.end[thread] = g.edge_ptr[node + min(thread + 1, nodes)];
    __syncthreads();
    // Each thread keeps the largest of one column for every fourth node.
    constexpr int kOwn = kMaxNodes / 4;
    int const own_column = thread % kTile, quarter = thread / kTile;
    float largest[kOwn];
    std::int32_t best[kOwn];
#pragma unroll
    for (int n = 0; n < kOwn; ++n) {
        largest[n] = 0;
        best[n] = -1;
    }
    float const own_bias =
        bias != nullptr && column + own_column < g.outputs ? bias[column + own_column] : 0.0F;
    std::int32_t const begin = g.edge_ptr[node], end = memory.end[kMaxNodes - 1];
    for (std::int32_t e0 = begin; e0 < end; e0 += kTile) {
        if (thread < kTile) {
            int n = 0;
            while (n < kMaxNodes - 1 && memory.end[n] <= e0 + thread)
                ++n;
            memory.target[thread] = node + n;
            memory.source[thread] = e0 + thread < end ? g.source[e0 + thread] : -1;
        }
        __syncthreads();
        TileSums sums;
        multiply_tile(
            memory.tile,
            [&](int row, int h) {
                std::int32_t const j = memory.source[row];
                return j < 0 ? 0.0F : g.hidden_of(memory.target[row], j, h);
            },
            w, g.hidden, g.outputs, column, sums);
#pragma unroll
        for (int r = 0; r < kTileSide; ++r)
#pragma unroll
            for (int c = 0; c < kTileSide; ++c)
                memory.z[TileSums::first_row() + r][TileSums::first_column() + c] = sums.sum[r][c];
        __syncthreads();
#pragma unroll
        for (int n = 0; n < kOwn; ++n) {
            int const at = 4 * n + quarter;
            std::int32_t const first = at == 0 ? begin : memory.end[at - 1];
            for (std::int32_t e = max(first, e0); e < min(memory.end[at], e0 + kTile); ++e) {
                float const value = memory.z[e - e0][own_column] + own_bias;
                bool const larger = best[n] < 0 || value > largest[n];
                best[n] = larger ? e : best[n];
                largest[n] = larger ? value : largest[n];
            }
        }
    }
#pragma unroll
    for (int n = 0; n < kOwn; ++n) {
        int const at = 4 * n + quarter;
        if (at >= nodes || column + own_column >= g.outputs) continue;
        std::int64_t const out =
            static_cast<std::int64_t>(node + at) * g.outputs + column + own_column;
        y[out] = largest[n];
        winner[out] = best[n];
    }
}

/// Sum or mean of the hidden values of the edges into node i. Bound by L2: 4 H bytes an edge.
struct HiddenOfNodes {
    EdgeConvGraph g;
    float* out;  ///< (N, hidden)
    __device__ void operator()(std::int32_t i, int lane) const
    {
        for (int h = lane; h < g.hidden; h += kWarp) {
            float sum = 0;
            for (std::int32_t e = g.edge_ptr[i]; e < g.edge_ptr[i + 1]; ++e)
                sum += g.hidden_of(i, g.source[e], h);
            out[static_cast<std::int64_t>(i) * g.hidden + h] = sum * g.scale(i);
        }
    }
};

struct RowProduct {
    float const *a, *b;  ///< (N, depth) (depth, columns)
    int depth, columns;
};

/// out(row, column, sum) for A B. Bound by FLOP: 2 H O for each node.
template <class Out>
__global__ void __launch_bounds__(kTileThreads, 3) product_kernel(Rows rows, RowProduct p, Out out)
{
    __shared__ TileMemory memory;
    std::int32_t const first = static_cast<std::int32_t>(blockIdx.x) * kTile;
    std::int32_t const count = rows.count() - first;
    int const column = static_cast<int>(blockIdx.y) * kTile;
    if (count <= 0) return;
    TileSums sums;
    multiply_tile(
        memory,
        [&](int row, int k) {
            return row < count ? p.a[(std::int64_t{first} + row) * p.depth + k] : 0.0F;
        },
        p.b, p.depth, p.columns, column, sums);
#pragma unroll
    for (int r = 0; r < kTileSide; ++r)
#pragma unroll
        for (int c = 0; c < kTileSide; ++c) {
            int const row = TileSums::first_row() + r;
            int const at = column + TileSums::first_column() + c;
            if (row < count && at < p.columns) out(first + row, at, sums.sum[r][c]);
        }
}
template <class Out>
void multiply_rows(
    Context& ctx, char const* name, Rows const& rows, RowProduct const& p, Out const& out)
{
    launch(
        ctx,
        {name, dim3(blocks_for(rows.capacity, kTile), blocks_for(p.columns, kTile)), kTileThreads},
        product_kernel<Out>, rows, p, out);
}

struct StoreOutput {
    EdgeConvGraph g;
    float const* bias;
    float* y;
    __device__ void operator()(std::int32_t i, int o, float sum) const
    {
        float const b = bias != nullptr ? bias[o] : 0.0F;
        y[static_cast<std::int64_t>(i) * g.outputs + o] = sum + g.num_biases(i) * b;
    }
};
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
        int const lane = static_cast<int>(threadIdx.x) % kWarp;
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

/// Hidden value h behind output o of node i.
struct HiddenOfNode {
    float const* of_node;  ///< (N, hidden)
    int hidden;
    __device__ float operator()(std::int32_t i, int, int h) const
    {
        return of_node[static_cast<std::int64_t>(i) * hidden + h];
    }
};
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
/// registers. Bound by L2 with a maximum (4 bytes for each multiply-add), else by FLOP.
template <class Hidden>
__global__ void __launch_bounds__(kWarp* kWeightWarps)
    weight_gradient_kernel(Rows rows,
                           Hidden hidden_of,
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
    __device__ double operator()(std::int32_t i, std::int64_t o) const
    {
        return static_cast<double>(g.num_biases(i)) * static_cast<double>(dy[i * g.outputs + o]);
    }
};

template <class Hidden>
void add_weight_gradient(Context& ctx,
                         Rows const& rows,
                         EdgeConvGraph const& g,
                         Hidden const& hidden_of,
                         EdgeConvGradArgs const& args)
{
    std::int64_t const share =
        std::max(kWeightRows, (rows.capacity + kMaxPartials - 1) / kMaxPartials);
    unsigned const parts = blocks_for(rows.capacity, share);
    auto const partial = ctx.scratch<float>(parts * args.dw.size());
    launch(ctx,
           {"edge_conv_weights",
            dim3(parts, blocks_for(g.hidden, kWarp),
                 blocks_for(g.outputs, kWeightOutputs * kWeightWarps)),
            dim3(kWarp, kWeightWarps)},
           weight_gradient_kernel<Hidden>, rows, hidden_of, static_cast<float const*>(args.dy.data),
           g.hidden, g.outputs, share, partial.data());
    add_partials<double>(ctx, "edge_conv_weights", partial.data(), parts, args.dw.size(),
                         static_cast<float*>(args.dw.data));
}
}  // namespace

void edge_conv_forward(Context& ctx, EdgeConvArgs const& args)
{
    Rows const rows(args.row_ptr, args.target.shape[0]);
    EdgeConvGraph const g = edge_conv_graph(args);
    auto const* const w = static_cast<float const*>(args.w.data);
    auto const* const bias = static_cast<float const*>(args.bias.data);
    auto* const y = static_cast<float*>(args.y.data);
    if (args.aggregate == EdgeAggregate::max)
        return launch(ctx,
                      {"edge_conv_max",
                       dim3(blocks_for(rows.capacity, kMaxNodes), blocks_for(g.outputs, kTile)),
                       kTileThreads},
                      max_kernel, rows, g, w, bias, y,
                      static_cast<std::int32_t*>(args.winner.data));
    auto const hidden = ctx.scratch<float>(args.target.size());
    each_node_warp(ctx, "edge_conv_hidden", rows, HiddenOfNodes{g, hidden.data()});
    multiply_rows(ctx, "edge_conv_forward", rows, {hidden.data(), w, g.hidden, g.outputs},
                  StoreOutput{g, bias, y});
}

void edge_conv_backward(Context& ctx, EdgeConvGradArgs const& args)
{
    Rows const rows(args.row_ptr, args.target.shape[0]);
    EdgeConvGraph const g = edge_conv_graph(args);
    auto const* const dy = static_cast<float const*>(args.dy.data);
    auto const* const winner = static_cast<std::int32_t const*>(args.winner.data);
    auto *const dt = static_cast<float*>(args.dtarget.data), *const ds = static_cast<float*>(
                                                                 args.dneighbour.data);
    auto const w = ctx.scratch<float>(args.w.size());
    for_each(ctx, "edge_conv_transpose", args.w.size(),
             Transpose{static_cast<float const*>(args.w.data), w.data(), g.hidden, g.outputs});
    OutEdgeLists const out(ctx, rows, InEdges(args.edge_ptr, args.source));
    if (args.aggregate == EdgeAggregate::max) {
        each_node_warp(ctx, "edge_conv_backward", rows,
                       NodeGradient<GradientOfWinner>{
                           g, out.view(), {dy, w.data(), winner, g.hidden, g.outputs}, dt, ds});
        add_weight_gradient(ctx, rows, g, HiddenOfWinner{g, winner}, args);
    } else {
        auto const hidden = ctx.scratch<float>(args.target.size());
        auto const dhidden = ctx.scratch<float>(args.target.size());
        multiply_rows(ctx, "edge_conv_dhidden", rows, {dy, w.data(), g.outputs, g.hidden},
                      StoreHiddenGradient{g, dhidden.data()});
        each_node_warp(
            ctx, "edge_conv_backward", rows,
            NodeGradient<GradientOfNode>{g, out.view(), {dhidden.data(), g.hidden}, dt, ds});
        each_node_warp(ctx, "edge_conv_hidden", rows, HiddenOfNodes{g, hidden.data()});
        add_weight_gradient(ctx, rows, g, HiddenOfNode{hidden.data(), g.hidden}, args);
    }
    if (!args.dbias.empty())
        add_column_sums(ctx, "edge_conv_bias", rows, g.outputs, BiasTerm{g, dy},
                        static_cast<float*>(args.dbias.data));
}
}  // namespace calofuse::cuda
