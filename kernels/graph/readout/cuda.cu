#include <cmath>

#include "kernels/device/launch.cuh"
#include "kernels/graph/readout.hpp"

// A warp reads 32 features of one graph, node after node. Bound by memory: x is read once, dx read and
// written once.
namespace calofuse::cuda {
namespace {
constexpr int kWarps = 8;  ///< graphs of a block

struct Batch {
    std::int32_t const* row_ptr;  ///< null: `nodes` rows each
    std::int64_t graphs, nodes, features;
    std::int64_t row;  ///< length of a row of y
    ReadoutKind kind;
};

/// Graph and feature of this thread, rows of the graph; `graph` < 0: none.
struct Place {
    std::int64_t graph, begin, end, channel;
};
__device__ Place place_of(Batch const& g)
{
    std::int64_t const b = std::int64_t{blockIdx.x} * kWarps + threadIdx.y;
    std::int64_t const channel = std::int64_t{blockIdx.y} * kWarp + threadIdx.x;
    if (b >= g.graphs || channel >= g.features) return {-1, 0, 0, 0};
    if (g.row_ptr == nullptr) return {b, b * g.nodes, (b + 1) * g.nodes, channel};
    return {b, g.row_ptr[b], g.row_ptr[b + 1], channel};
}

/// What the sum over `nodes` rows is multiplied with.
__device__ float scale_of(ReadoutKind kind, std::int64_t nodes)
{
    float const n = nodes > 1 ? static_cast<float>(nodes) : 1.0F;
    if (kind == ReadoutKind::sum) return 1;
    return 1.0F / (kind == ReadoutKind::log_sum ? log1pf(n) : n);
}
__device__ bool takes_maximum(ReadoutKind kind)
{
    return kind == ReadoutKind::max || kind == ReadoutKind::mean_max_log_sum;
}

__global__ __launch_bounds__(kWarps* kWarp) void readout_forward_kernel(Batch g,
                                                                        float const* x,
                                                                        float* y,
                                                                        std::int32_t* largest)
{
    Place const at = place_of(g);
    if (at.graph < 0) return;
    float sum = 0, top = 0;
    std::int64_t winner = -1;
#pragma unroll 4
    for (std::int64_t i = at.begin; i < at.end; ++i) {
        float const value = x[i * g.features + at.channel];
        sum += value;
        if (winner < 0 || value > top) {
            top = value;
            winner = i;
        }
    }
    float* out = y + at.graph * g.row + at.channel;
    if (takes_maximum(g.kind))
        largest[at.graph * g.features + at.channel] = static_cast<std::int32_t>(winner);
    if (g.kind == ReadoutKind::max) {
        *out = top;
        return;
    }
    *out = sum * scale_of(g.kind, at.end - at.begin);
    if (g.kind != ReadoutKind::mean_max_log_sum) return;
    out[g.features] = top;
    out[2 * g.features] = sum * scale_of(ReadoutKind::log_sum, at.end - at.begin);
}

__global__ __launch_bounds__(kWarps* kWarp) void readout_backward_kernel(
    Batch g, float const* dy, std::int32_t const* largest, float* dx)
{
    Place const at = place_of(g);
    if (at.graph < 0 || at.begin == at.end) return;
    float const* in = dy + at.graph * g.row + at.channel;
    bool const all = g.kind == ReadoutKind::mean_max_log_sum;
    float share = 0, peak = 0;
    std::int64_t winner = -1;
    if (g.kind != ReadoutKind::max) share = scale_of(g.kind, at.end - at.begin) * in[0];
    if (all) share += scale_of(ReadoutKind::log_sum, at.end - at.begin) * in[2 * g.features];
    if (takes_maximum(g.kind)) {
        peak = in[all ? g.features : 0];
        winner = largest[at.graph * g.features + at.channel];
    }
    float* const out = dx + at.channel;
    if (g.kind == ReadoutKind::max) {
        out[winner * g.features] += peak;
        return;
    }
#pragma unroll 4
    for (std::int64_t i = at.begin; i < at.end; ++i) {
        float const value = out[i * g.features] + share;
        out[i * g.features] = i == winner ? value + peak : value;
    }
}

/// x or dx, with y or dy.
Batch batch_of(TensorRef const& x, TensorRef const& row_ptr, TensorRef const& y, ReadoutKind kind)
{
    return {
        static_cast<std::int32_t const*>(row_ptr.data), y.shape[0], x.rank == 3 ? x.shape[1] : 0,
        x.shape[static_cast<std::size_t>(x.rank - 1)],  y.shape[1], kind};
}
Launch launch_of(char const* name, Batch const& g)
{
    return {name, dim3(blocks_for(g.graphs, kWarps), blocks_for(g.features, kWarp)),
            dim3(kWarp, kWarps)};
}
}  // namespace

void readout_forward(Context& ctx, ReadoutArgs const& args)
{
    Batch const g = batch_of(args.x, args.row_ptr, args.y, args.kind);
    launch(ctx, launch_of("readout_forward", g), readout_forward_kernel, g,
           static_cast<float const*>(args.x.data), static_cast<float*>(args.y.data) + args.column,
           static_cast<std::int32_t*>(args.largest.data));
}

void readout_backward(Context& ctx, ReadoutGradArgs const& args)
{
    Batch const g = batch_of(args.dx, args.row_ptr, args.dy, args.kind);
    launch(ctx, launch_of("readout_backward", g), readout_backward_kernel, g,
           static_cast<float const*>(args.dy.data) + args.column,
           static_cast<std::int32_t const*>(args.largest.data), static_cast<float*>(args.dx.data));
}
}  // namespace calofuse::cuda
