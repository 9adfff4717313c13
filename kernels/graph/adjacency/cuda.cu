#include <algorithm>

#include "kernels/device/columns.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/graph/adjacency.hpp"

// A warp gathers 32 features of one event: every row of the input is read once for kRows rows of the
// output, which stay in registers. Bound by memory: 3 numbers a value forward, up to 6 backward, plus
// the graph; 2 V FLOP a value.
namespace calofuse::cuda {
namespace {
constexpr int kWarps = 8;  ///< events of a block
constexpr int kRows = 12;  ///< a multiple of 4

struct Graphs {
    float const* a;
    std::int64_t step;  ///< from one event's graph to the next one's; 0: all have the same
    int nodes, features;
    std::int64_t events;
};

/// What a block works on; kernels return where the event is not there.
struct Place {
    std::int64_t event, row;  ///< `row` of its first node
    int channel;
    bool inside;
};
__device__ Place place_of(Graphs const& g)
{
    std::int64_t const event = std::int64_t{blockIdx.x} * kWarps + threadIdx.y;
    int const channel = static_cast<int>(blockIdx.y * kWarp + threadIdx.x);
    return {event, event * g.nodes, channel, event < g.events && channel < g.features};
}

/// weight[j][i] of the rows first .. first + kRows - 1 of a (or columns, `kTransposed`), in shared
/// memory that the warp has for itself.
template <bool kTransposed>
__device__ void load_weights(Graphs const& g, std::int64_t event, int first, float* weight)
{
    float const* const a = g.a + event * g.step;
    __syncwarp();
    for (int e = static_cast<int>(threadIdx.x); e < g.nodes * kRows; e += kWarp) {
        int const i = first + (kTransposed ? e % kRows : e / g.nodes);
        int const j = kTransposed ? e / kRows : e % g.nodes;
        float const value = i >= g.nodes  ? 0.0F
                            : kTransposed ? a[j * g.nodes + i]
                                          : a[i * g.nodes + j];
        weight[j * kRows + i - first] = value;
    }
    __syncwarp();
}

/// sum[r] += sum_j weight[j][r] x(j); weights of 0 add nothing, whatever x is.
template <class X>
__device__ void gather(float const* weight, int nodes, X const& x, float (&sum)[kRows])
{
    for (int j = 0; j < nodes; ++j) {
        float const value = x(j);
#pragma unroll
        for (int r = 0; r < kRows; r += 4) {
            float4 const w = *reinterpret_cast<float4 const*>(weight + j * kRows + r);
            sum[r] = w.x != 0 ? sum[r] + w.x * value : sum[r];
            sum[r + 1] = w.y != 0 ? sum[r + 1] + w.y * value : sum[r + 1];
            sum[r + 2] = w.z != 0 ? sum[r + 2] + w.z * value : sum[r + 2];
            sum[r + 3] = w.w != 0 ? sum[r + 3] + w.w * value : sum[r + 3];
        }
    }
}

struct Forward {
    Graphs graphs;
    float const *u, *r, *bias;
    float* y;
};
template <NodeActivation kActivation>
__global__ __launch_bounds__(kWarps* kWarp) void adjacency_forward_kernel(Forward t)
{
    extern __shared__ __align__(16) float weights[];
    Graphs const& g = t.graphs;
    Place const at = place_of(g);
    if (at.event >= g.events) return;  // the whole warp
    float* const weight = weights + threadIdx.y * g.nodes * kRows;
    auto const index = [&](int i) {
        return (at.row + i) * g.features + at.channel;
    };
    for (int first = 0; first < g.nodes; first += kRows) {
        load_weights<false>(g, at.event, first, weight);
        if (!at.inside) continue;
        float sum[kRows] = {};
        gather(
            weight, g.nodes, [&](int j) { return t.u[index(j)]; }, sum);
        float const bias = t.bias != nullptr ? t.bias[at.channel] : 0.0F;
#pragma unroll
        for (int r = 0; r < kRows; ++r) {
            if (first + r >= g.nodes) break;
            std::int64_t const e = index(first + r);
            float const start = bias + (t.r != nullptr ? t.r[e] : 0.0F);
            t.y[e] = activate<kActivation>(start + sum[r]);
        }
    }
}

struct Backward {
    Graphs graphs;
    float const *y, *dy;
    float *du, *dr;
    float* partial_bias;  ///< (blocks, F) or null
};
template <NodeActivation kActivation>
__global__ __launch_bounds__(kWarps* kWarp, 4) void adjacency_backward_kernel(Backward t)
{
    extern __shared__ __align__(16) float weights[];
    __shared__ float bias_sum[kWarps][kWarp];
    Graphs const& g = t.graphs;
    Place const at = place_of(g);
    auto const index = [&](int i) {
        return (at.row + i) * g.features + at.channel;
    };
    auto const gradient = [&](int i) {
        float const y = kActivation == NodeActivation::none ? 1.0F : t.y[index(i)];
        return activation_gradient<kActivation>(t.dy[index(i)], y);
    };
    float bias = 0;
    for (int i = 0; at.inside && i < g.nodes; ++i) {
        float const value = gradient(i);
        bias += value;
        if (t.dr != nullptr) t.dr[index(i)] += value;
    }
    if (t.partial_bias != nullptr) {
        bias_sum[threadIdx.y][threadIdx.x] = bias;
        __syncthreads();
        float total = 0;
        for (int w = 0; w < kWarps; ++w)
            total += bias_sum[w][threadIdx.x];
        if (threadIdx.y == 0 && at.channel < g.features)
            t.partial_bias[std::int64_t{blockIdx.x} * g.features + at.channel] = total;
    }
    if (t.du == nullptr || at.event >= g.events) return;
    float* const weight = weights + threadIdx.y * g.nodes * kRows;
    for (int first = 0; first < g.nodes; first += kRows) {
        load_weights<true>(g, at.event, first, weight);
        if (!at.inside) continue;
        float sum[kRows] = {};
        gather(weight, g.nodes, gradient, sum);
#pragma unroll
        for (int r = 0; r < kRows; ++r)
            if (first + r < g.nodes) t.du[index(first + r)] += sum[r];
    }
}

Graphs graphs_of(TensorRef const& a, TensorRef const& like)
{
    std::int64_t const nodes = like.shape[1];
    return {static_cast<float const*>(a.data), a.rank == 3 ? nodes * nodes : 0,
            static_cast<int>(nodes), static_cast<int>(like.shape[2]), like.shape[0]};
}

template <class Kernel, class Tensors>
void run(Context& ctx, char const* name, Kernel kernel, Tensors const& t)
{
    Graphs const& g = t.graphs;
    launch(
        ctx,
        {name, dim3(blocks_for(g.events, kWarps), blocks_for(g.features, kWarp)),
         dim3(kWarp, kWarps), sizeof(float) * kWarps * kRows * static_cast<std::size_t>(g.nodes)},
        kernel, t);
}
}  // namespace

void adjacency_forward(Context& ctx, AdjacencyArgs const& args)
{
    Forward const t{graphs_of(args.a, args.u), static_cast<float const*>(args.u.data),
                    static_cast<float const*>(args.r.data),
                    static_cast<float const*>(args.bias.data), static_cast<float*>(args.y.data)};
    bool const relu = args.activation == NodeActivation::relu;
    run(ctx, "adjacency_forward",
        relu ? adjacency_forward_kernel<NodeActivation::relu>
             : adjacency_forward_kernel<NodeActivation::none>,
        t);
}

void adjacency_backward(Context& ctx, AdjacencyGradArgs const& args)
{
    Graphs const g = graphs_of(args.a, args.dy);
    bool const wants_bias = !args.dbias.empty();
    std::int64_t const blocks = blocks_for(g.events, kWarps);
    auto const partial = ctx.scratch<float>(wants_bias ? blocks * g.features : 0);
    Backward const t{g,
                     static_cast<float const*>(args.y.data),
                     static_cast<float const*>(args.dy.data),
                     static_cast<float*>(args.du.data),
                     static_cast<float*>(args.dr.data),
                     wants_bias ? partial.data() : nullptr};
    bool const relu = args.activation == NodeActivation::relu;
    run(ctx, "adjacency_backward",
        relu ? adjacency_backward_kernel<NodeActivation::relu>
             : adjacency_backward_kernel<NodeActivation::none>,
        t);
    if (wants_bias)
        add_partials<double>(ctx, "adjacency_bias", static_cast<float const*>(partial.data()),
                             blocks, g.features, static_cast<float*>(args.dbias.data));
}
}  // namespace calofuse::cuda
