// Forward max: a block takes 16 nodes and 64 outputs, multiplies 64 of their edges at a time and keeps
// the largest. Sum and mean commute with the second layer: hidden values are added up for each node
// (N, H) and multiplied once.
#include "kernels/graph/edge_conv/rows.cuh"

namespace calofuse::cuda {
namespace {
constexpr int kMaxNodes = 16;  // of a block of the maximum

struct MaxMemory {
    union {
        GemmShared factors;
        float z[kGemmRows][kTileColumns + 1];
    };
    float largest[kMaxNodes][kTileColumns];
    std::int32_t best[kMaxNodes][kTileColumns];
    std::int32_t end[kMaxNodes];  ///< of the edges of a node
    std::int32_t target[kGemmRows], source[kGemmRows];
};

/// Hidden values of the edges in memory, (edge, hidden).
struct EdgeFactor {
    static constexpr bool kAlongDepth = true;
    using Line = int;  // its ends are read again each time: in registers there would be 8 pairs
    using Depth = int;
    EdgeConvGraph const& g;
    MaxMemory const& memory;

    __device__ Line line(std::int64_t e) const { return static_cast<Line>(e); }
    __device__ Depth depth(std::int64_t h) const { return h < g.hidden ? static_cast<int>(h) : -1; }
    __device__ float load(Line line, Depth h) const
    {
        std::int32_t const from = memory.source[line];
        return from >= 0 && h >= 0 ? g.hidden_of(memory.target[line], from, h) : 0.0F;
    }
};

/// Nodes and sources of the edges e0 and on; -1 from `end` on.
__device__ void load_edges(
    EdgeConvGraph const& g, std::int32_t node, std::int32_t e0, std::int32_t end, MaxMemory& memory)
{
    int const thread = static_cast<int>(threadIdx.x);
    if (thread < kGemmRows) {
        int n = 0;
        while (n < kMaxNodes - 1 && memory.end[n] <= e0 + thread)
            ++n;
        memory.target[thread] = node + n;
        memory.source[thread] = e0 + thread < end ? g.source[e0 + thread] : -1;
    }
    __syncthreads();
}

/// Bound by FLOP: 2 H O for each edge, 4 (H + O) bytes for each node.
__global__ void __launch_bounds__(kGemmThreads, 4) max_kernel(
    Rows rows, EdgeConvGraph g, float const* w, float const* bias, float* y, std::int32_t* winner)
{
    __shared__ __align__(16) MaxMemory memory;
    std::int32_t const node = static_cast<std::int32_t>(blockIdx.x) * kMaxNodes;
    int const first_column = static_cast<int>(blockIdx.y) * kTileColumns;
    int const nodes = min(rows.count() - node, kMaxNodes);
    int const thread = static_cast<int>(threadIdx.x);
    if (nodes <= 0) return;
    if (thread < kMaxNodes) memory.end[thread] = g.edge_ptr[node + min(thread + 1, nodes)];
    __syncthreads();
    // Each thread keeps the largest of one column for every other node.
    constexpr int kSharers = kGemmThreads / kTileColumns;
    int const own_column = thread % kTileColumns, own = thread / kTileColumns;
    int const column = first_column + own_column;
    for (int n = own; n < kMaxNodes; n += kSharers) {
        memory.largest[n][own_column] = 0;
        memory.best[n][own_column] = -1;
    }
    float const own_bias = bias != nullptr && column < g.outputs ? bias[column] : 0.0F;
    std::int32_t const begin = g.edge_ptr[node], end = memory.end[kMaxNodes - 1];
    for (std::int32_t e0 = begin; e0 < end; e0 += kGemmRows) {
        load_edges(g, node, e0, end, memory);
        FmaTile tile;
        multiply_block(EdgeFactor{g, memory},
                       MatrixFactor<false>{w, g.outputs, g.outputs, g.hidden}, 0, first_column, 0,
                       g.hidden, memory.factors, tile);
        __syncthreads();  // the factors are read; z takes their place
        tile.each([&](int row, int c, float sum) { memory.z[row][c] = sum; });
        __syncthreads();
        for (int n = own; n < kMaxNodes; n += kSharers) {
            std::int32_t const first = n == 0 ? begin : memory.end[n - 1];
            float largest = memory.largest[n][own_column];
            std::int32_t best = memory.best[n][own_column];
            for (std::int32_t e = max(first, e0); e < min(memory.end[n], e0 + kGemmRows); ++e) {
                float const value = memory.z[e - e0][own_column] + own_bias;
                bool const larger = best < 0 || value > largest;
                best = larger ? e : best;
                largest = larger ? value : largest;
            }
            memory.largest[n][own_column] = largest;
            memory.best[n][own_column] = best;
        }
    }
    for (int n = own; n < nodes && column < g.outputs; n += kSharers) {
        std::int64_t const out = static_cast<std::int64_t>(node + n) * g.outputs + column;
        y[out] = memory.largest[n][own_column];
        winner[out] = memory.best[n][own_column];
    }
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
}  // namespace

void edge_conv_forward(Context& ctx, EdgeConvArgs const& args)
{
    Rows const rows(args.row_ptr, args.target.shape[0]);
    EdgeConvGraph const g = edge_conv_graph(args);
    auto const* const w = static_cast<float const*>(args.w.data);
    auto const* const bias = static_cast<float const*>(args.bias.data);
    auto* const y = static_cast<float*>(args.y.data);
    if (args.aggregate == EdgeAggregate::max)
        return launch(
            ctx,
            {"edge_conv_max",
             dim3(blocks_for(rows.capacity, kMaxNodes), blocks_for(g.outputs, kTileColumns)),
             kGemmThreads},
            max_kernel, rows, g, w, bias, y, static_cast<std::int32_t*>(args.winner.data));
    auto const hidden = ctx.scratch<float>(args.target.size());
    each_node_warp(ctx, "edge_conv_hidden", rows, HiddenOfNodes{g, hidden.data()});
    multiply_rows(ctx, "edge_conv_forward", rows, hidden.data(),
                  MatrixFactor<false>{w, g.outputs, g.outputs, g.hidden}, StoreOutput{g, bias, y});
}
}  // namespace calofuse::cuda
