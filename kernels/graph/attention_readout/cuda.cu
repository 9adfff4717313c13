#include "kernels/device/reduce.cuh"
#include "kernels/graph/attention_readout.hpp"
#include "kernels/math/float_math.hpp"

// A warp has one graph: its lanes are nodes for the softmax, features for the sums. Bound by memory:
// x is read once forward; backward reads x and reads and writes dx.
namespace calofuse::cuda {
namespace {
constexpr int kWarps = 4;  ///< graphs of a block

struct Graphs {
    std::int32_t const* row_ptr;
    std::int64_t count;
    int features;
    std::int64_t row;  ///< length of a row of y
};

/// The graph of this warp, with its rows; `number` < 0: none.
struct Graph {
    std::int64_t number, begin, end;
};
__device__ Graph graph_of(Graphs const& g)
{
    std::int64_t const b = std::int64_t{blockIdx.x} * kWarps + warp_index();
    if (b >= g.count) return {-1, 0, 0};
    return {b, g.row_ptr[b], g.row_ptr[b + 1]};
}

__global__ __launch_bounds__(kWarps* kWarp) void attention_readout_forward_kernel(
    Graphs g, float const* x, float const* score, float* weight, float* y)
{
    Graph const at = graph_of(g);
    if (at.number < 0) return;
    int const lane = lane_index();
    float top = -INFINITY, sum = 0;
    for (std::int64_t i = at.begin + lane; i < at.end; i += kWarp)
        top = fmaxf(top, score[i]);
    top = warp_max(top);
    for (std::int64_t i = at.begin + lane; i < at.end; i += kWarp)
        sum += exp_float(score[i] - top);
    sum = warp_sum(sum);
    for (std::int64_t i = at.begin + lane; i < at.end; i += kWarp)
        weight[i] = exp_float(score[i] - top) / sum;
    __syncwarp();
    for (int c = lane; c < g.features; c += kWarp) {
        float total = 0;
#pragma unroll 4
        for (std::int64_t i = at.begin; i < at.end; ++i)
            total += weight[i] * x[i * g.features + c];
        y[at.number * g.row + c] = total;
    }
}

__global__ __launch_bounds__(kWarps* kWarp) void attention_readout_backward_kernel(
    Graphs g,
    float const* x,
    float const* weight,
    float const* dy,
    float* slope,
    float* dx,
    float* dscore)
{
    Graph const at = graph_of(g);
    if (at.number < 0) return;
    int const lane = lane_index();
    float const* const in = dy + at.number * g.row;
    for (std::int64_t i = at.begin; i < at.end; ++i) {
        float sum = 0;
        for (int c = lane; c < g.features; c += kWarp) {
            std::int64_t const e = i * g.features + c;
            sum += in[c] * x[e];
            dx[e] += weight[i] * in[c];
        }
        sum = warp_sum(sum);
        if (lane == 0) slope[i] = sum;
    }
    __syncwarp();
    float average = 0;
    for (std::int64_t i = at.begin + lane; i < at.end; i += kWarp)
        average += weight[i] * slope[i];
    average = warp_sum(average);
    for (std::int64_t i = at.begin + lane; i < at.end; i += kWarp)
        dscore[i] += weight[i] * (slope[i] - average);
}

Graphs graphs_of(TensorRef const& x, TensorRef const& row_ptr, TensorRef const& y)
{
    return {static_cast<std::int32_t const*>(row_ptr.data), y.shape[0],
            static_cast<int>(x.shape[1]), y.shape[1]};
}
Launch launch_of(char const* name, Graphs const& g)
{
    return {name, blocks_for(g.count, kWarps), kWarps * kWarp};
}
float* data(TensorRef const& t)
{
    return static_cast<float*>(t.data);
}
}  // namespace

void attention_readout_forward(Context& ctx, AttentionReadoutArgs const& args)
{
    Graphs const g = graphs_of(args.x, args.row_ptr, args.y);
    launch(ctx, launch_of("attention_readout_forward", g), attention_readout_forward_kernel, g,
           data(args.x), data(args.score), data(args.weight), data(args.y) + args.column);
}

void attention_readout_backward(Context& ctx, AttentionReadoutGradArgs const& args)
{
    Graphs const g = graphs_of(args.x, args.row_ptr, args.dy);
    auto const slope = ctx.scratch<float>(args.x.shape[0]);  // dy . x of every node
    launch(ctx, launch_of("attention_readout_backward", g), attention_readout_backward_kernel, g,
           data(args.x), data(args.weight), data(args.dy) + args.column, slope.data(),
           data(args.dx), data(args.dscore));
}
}  // namespace calofuse::cuda
