// Collect: a thread a channel of an aggregator walks over the nodes of its graph in order. Spread and
// both gradients: the nodes of a graph are shared out among the warps of its blocks, lanes run over
// channels; who won a maximum is looked up per node, so nothing is scattered.
#include <algorithm>

#include "kernels/device/nodes.cuh"
#include "kernels/graph/garnet/math.hpp"

namespace calofuse::cuda {
namespace {
constexpr int kMost = static_cast<int>(kMaxAggregators);
constexpr int kCollectThreads = 128;
constexpr unsigned kBlocksPerGraph = 4;  // of the kernels that share out nodes

struct Weigh {
    float const* d;
    float* w;
    Rows rows;
    std::int64_t aggregators;
    GarNetKernel kernel;
    __device__ void operator()(std::int64_t e) const
    {
        if (e < rows.count() * aggregators) w[e] = garnet_weight(kernel, d[e]);
    }
};

struct Collect {
    GarNetShape n;
    GarNetOptions options;
    Rows rows;
    float const *f, *w;
    float* agg;
    std::int32_t* winner;
};

/// Grid (graphs, channels of all aggregators). Bound by L2: 8 bytes for each multiply-add of P + A
/// channels, A aggregators and N nodes.
__global__ void __launch_bounds__(kCollectThreads) collect_kernel(Collect p)
{
    std::int64_t const channels = p.n.full ? p.n.collected() : p.n.features;
    std::int64_t const at = std::int64_t{blockIdx.y} * kCollectThreads + threadIdx.x;
    if (at >= channels * p.n.aggregators) return;
    std::int64_t const a = at / channels, c = at % channels, b = blockIdx.x;
    std::int32_t const first = p.rows.ptr[b], end = p.rows.ptr[b + 1];
    bool const of_f = c < p.n.features;
    float const* const x = of_f ? p.f + c : p.w + (c - p.n.features);
    std::int64_t const stride = of_f ? p.n.features : p.n.aggregators;
    bool const zero_row = end - first < p.options.padded_nodes || first == end;
    float sum = 0, largest = 0;
    std::int32_t winner = -1;
    for (std::int32_t v = first; v < end; ++v) {
        float const term = p.w[v * p.n.aggregators + a] * x[v * stride];
        sum += term;
        bool const larger = (v == first && !zero_row) || term > largest;
        winner = larger ? v : winner;
        largest = larger ? term : largest;
    }
    float* const out = p.agg + (b * p.n.aggregators + a) * p.n.width() + c;
    out[p.n.mean_column()] = first == end ? 0.0F : garnet_mean_scale(p.options, end - first) * sum;
    if (!p.n.full) return;
    out[0] = largest;
    p.winner[(b * p.n.aggregators + a) * channels + c] = winner;
}

/// f(graph, node, lane) by all lanes of one warp for every node of the grid's graphs.
template <class F>
__global__ void __launch_bounds__(kNodeThreads) each_graph_node_kernel(Rows rows, F f)
{
    std::int64_t const b = blockIdx.x;
    auto const warp = static_cast<std::int32_t>(blockIdx.y * kNodesPerBlock + warp_index());
    auto const warps = static_cast<std::int32_t>(gridDim.y) * kNodesPerBlock;
    for (std::int32_t v = rows.ptr[b] + warp; v < rows.ptr[b + 1]; v += warps)
        f(b, v, lane_index());
}
template <class F>
void each_graph_node(Context& ctx, char const* name, Rows const& rows, F const& f)
{
    if (rows.capacity == 0) return;
    launch(ctx, {name, dim3(static_cast<unsigned>(rows.graphs), kBlocksPerGraph), kNodeThreads},
           each_graph_node_kernel<F>, rows, f);
}

/// part[a] of all lanes summed up; lane a gets the sum of aggregator a.
__device__ float sums_by_lane(float const (&part)[kMost], int aggregators, int lane)
{
    float own = 0;
#pragma unroll
    for (int a = 0; a < kMost; ++a) {
        if (a >= aggregators) break;
        float const sum = warp_sum(part[a]);
        if (lane == a) own = sum;
    }
    return own;
}

/// With q[a, c] = dmean[a, c] / n + (v won [a, c] ? dmax[a, c] : 0) and g = concat(f, w):
///   dg[v, c] = sum_a w[v, a] q[a, c],   dw[v, a] += sum_c g[v, c] q[a, c]
/// Bound by L1: 12 bytes for each pair of multiply-adds.
struct CollectGradient {
    GarNetShape n;
    GarNetOptions options;
    Rows rows;
    float const *f, *d, *w, *dagg, *dw;
    std::int32_t const* winner;
    float *df, *dd;

    __device__ float coefficient(
        std::int64_t b, std::int32_t v, std::int64_t a, std::int64_t c, float scale) const
    {
        std::int64_t const row = b * n.aggregators + a;
        float const* const of = dagg + row * n.width() + c;
        float const mean = scale * of[n.mean_column()];
        bool const won = n.full && winner[row * n.collected() + c] == v;
        return won ? mean + of[0] : mean;
    }
    /// Channel c of node v, g = its value: adds to part, returns dg.
    __device__ float channel(std::int64_t b,
                             std::int32_t v,
                             std::int64_t c,
                             float g,
                             float scale,
                             float (&part)[kMost]) const
    {
        float dg = 0;
#pragma unroll
        for (int a = 0; a < kMost; ++a) {
            if (a >= n.aggregators) break;
            float const q = coefficient(b, v, a, c, scale);
            dg += w[v * n.aggregators + a] * q;
            part[a] += g * q;
        }
        return dg;
    }
    __device__ void operator()(std::int64_t b, std::int32_t v, int lane) const
    {
        float const scale = garnet_mean_scale(options, rows.ptr[b + 1] - rows.ptr[b]);
        float part[kMost] = {};
        for (std::int64_t c = lane; c < n.features; c += kWarp) {
            std::int64_t const at = v * n.features + c;
            df[at] += channel(b, v, c, f[at], scale, part);
        }
        std::int64_t const at = v * n.aggregators + lane;
        bool const inside = lane < n.aggregators;
        float own = inside && dw != nullptr ? dw[at] : 0.0F;
        if (n.full && inside) own += channel(b, v, n.features + lane, w[at], scale, part);
        own += sums_by_lane(part, static_cast<int>(n.aggregators), lane);
        if (inside) dd[at] += own * garnet_weight_slope(options.kernel, d[at], w[at]);
    }
};

/// Bound by memory: 8 bytes an output; z of a graph stays in L1. base may be y.
struct Spread {
    float const *w, *z, *base;
    float* y;
    std::int64_t aggregators, outputs;
    __device__ void operator()(std::int64_t b, std::int32_t v, int lane) const
    {
        for (std::int64_t o = lane; o < outputs; o += kWarp) {
            float sum = base != nullptr ? base[v * outputs + o] : 0.0F;
            for (std::int64_t a = 0; a < aggregators; ++a)
                sum += w[v * aggregators + a] * z[(b * aggregators + a) * outputs + o];
            y[v * outputs + o] = sum;
        }
    }
};

/// Bound by memory: 4 bytes an output.
struct SpreadWeights {
    float const *z, *dy;
    float* dw;
    std::int64_t aggregators, outputs;
    __device__ void operator()(std::int64_t b, std::int32_t v, int lane) const
    {
        float part[kMost] = {};
        for (std::int64_t o = lane; o < outputs; o += kWarp) {
            float const d = dy[v * outputs + o];
#pragma unroll
            for (int a = 0; a < kMost; ++a) {
                if (a >= aggregators) break;
                part[a] += d * z[(b * aggregators + a) * outputs + o];
            }
        }
        float const own = sums_by_lane(part, static_cast<int>(aggregators), lane);
        if (lane < aggregators) dw[v * aggregators + lane] += own;
    }
};

/// Grid (graphs, outputs of all aggregators), as collect_kernel.
__global__ void __launch_bounds__(kCollectThreads) spread_sums_kernel(Rows rows,
                                                                      float const* w,
                                                                      float const* dy,
                                                                      std::int64_t aggregators,
                                                                      std::int64_t outputs,
                                                                      float* dz)
{
    std::int64_t const at = std::int64_t{blockIdx.y} * kCollectThreads + threadIdx.x;
    if (at >= aggregators * outputs) return;
    std::int64_t const a = at / outputs, o = at % outputs, b = blockIdx.x;
    float sum = 0;
    for (std::int32_t v = rows.ptr[b]; v < rows.ptr[b + 1]; ++v)
        sum += w[v * aggregators + a] * dy[v * outputs + o];
    dz[b * aggregators * outputs + at] += sum;
}

Launch per_graph(char const* name, std::int64_t threads, Rows const& rows)
{
    return {name, dim3(static_cast<unsigned>(rows.graphs), blocks_for(threads, kCollectThreads)),
            kCollectThreads};
}
}  // namespace

void garnet_collect(Context& ctx, GarNetCollectArgs const& args)
{
    GarNetShape const n = garnet_shape(args.f, args.d, args.options);
    Rows const rows(args.row_ptr, args.f.shape[0]);
    auto* const w = static_cast<float*>(args.w.data);
    for_each(
        ctx, "garnet_weights", args.d.size(),
        Weigh{static_cast<float const*>(args.d.data), w, rows, n.aggregators, args.options.kernel});
    std::int64_t const channels = n.full ? n.collected() : n.features;
    launch(
        ctx, per_graph("garnet_collect", channels * n.aggregators, rows), collect_kernel,
        Collect{n, args.options, rows, static_cast<float const*>(args.f.data), w,
                static_cast<float*>(args.agg.data), static_cast<std::int32_t*>(args.winner.data)});
}

void garnet_collect_backward(Context& ctx, GarNetCollectGradArgs const& args)
{
    Rows const rows(args.row_ptr, args.f.shape[0]);
    each_graph_node(
        ctx, "garnet_collect_backward", rows,
        CollectGradient{
            garnet_shape(args.f, args.d, args.options), args.options, rows,
            static_cast<float const*>(args.f.data), static_cast<float const*>(args.d.data),
            static_cast<float const*>(args.w.data), static_cast<float const*>(args.dagg.data),
            static_cast<float const*>(args.dw.data),
            static_cast<std::int32_t const*>(args.winner.data), static_cast<float*>(args.df.data),
            static_cast<float*>(args.dd.data)});
}

void garnet_spread(Context& ctx, GarNetSpreadArgs const& args)
{
    each_graph_node(
        ctx, "garnet_spread", Rows(args.row_ptr, args.w.shape[0]),
        Spread{static_cast<float const*>(args.w.data), static_cast<float const*>(args.z.data),
               static_cast<float const*>(args.base.data), static_cast<float*>(args.y.data),
               args.w.shape[1], args.z.shape[2]});
}

void garnet_spread_backward(Context& ctx, GarNetSpreadGradArgs const& args)
{
    Rows const rows(args.row_ptr, args.w.shape[0]);
    std::int64_t const aggregators = args.w.shape[1], outputs = args.z.shape[2];
    auto const* const dy = static_cast<float const*>(args.dy.data);
    each_graph_node(ctx, "garnet_spread_weights", rows,
                    SpreadWeights{static_cast<float const*>(args.z.data), dy,
                                  static_cast<float*>(args.dw.data), aggregators, outputs});
    launch(ctx, per_graph("garnet_spread_sums", aggregators * outputs, rows), spread_sums_kernel,
           rows, static_cast<float const*>(args.w.data), dy, aggregators, outputs,
           static_cast<float*>(args.dz.data));
}
}  // namespace calofuse::cuda
