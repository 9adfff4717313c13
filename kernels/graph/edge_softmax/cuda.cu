#include "kernels/graph/attention/device.cuh"
#include "kernels/graph/edge_softmax.hpp"

// A warp has one segment, its lanes rows x columns. Bound by memory: x is read and y written once, the
// further passes over a segment find it in the cache; backward reads 3 numbers and writes 1 a value.
namespace calofuse::cuda {
namespace {
constexpr int kWarps = 8;  ///< segments of a block

struct Segments {
    std::int32_t const* ends;
    std::int32_t const* count;  ///< how many exist; null: all
    std::int64_t capacity;
    int columns;
};

/// Rows of the segment of this warp; none where it does not exist.
struct Rows {
    std::int64_t begin, end;
};
__device__ Rows rows_of(Segments const& g)
{
    std::int64_t const i = std::int64_t{blockIdx.x} * kWarps + warp_index();
    std::int64_t const count = g.count != nullptr ? *g.count : g.capacity;
    if (i >= count) return {0, 0};
    return {g.ends[i], g.ends[i + 1]};
}

__global__ __launch_bounds__(kWarps* kWarp) void edge_softmax_forward_kernel(Segments g,
                                                                             float const* x,
                                                                             float* y)
{
    Rows const rows = rows_of(g);
    HeadLanes const lanes(g.columns);
    for (int first = 0; first < g.columns && rows.begin < rows.end; first += lanes.heads) {
        int const h = first + lanes.head;
        std::int64_t const end = h < g.columns ? rows.end : rows.begin;
        float top = -INFINITY, sum = 0;
        for (std::int64_t e = rows.begin + lanes.slot; e < end; e += lanes.slots)
            top = fmaxf(top, x[e * g.columns + h]);
        top = lanes.reduce(top, Maximum{});
        for (std::int64_t e = rows.begin + lanes.slot; e < end; e += lanes.slots)
            sum += exp_float(x[e * g.columns + h] - top);
        sum = lanes.reduce(sum, Plus{}) + 1e-16F;
        for (std::int64_t e = rows.begin + lanes.slot; e < end; e += lanes.slots)
            y[e * g.columns + h] = exp_float(x[e * g.columns + h] - top) / sum;
    }
}

__global__ __launch_bounds__(kWarps* kWarp) void edge_softmax_backward_kernel(Segments g,
                                                                              float const* y,
                                                                              float const* dy,
                                                                              float* dx)
{
    Rows const rows = rows_of(g);
    HeadLanes const lanes(g.columns);
    for (int first = 0; first < g.columns && rows.begin < rows.end; first += lanes.heads) {
        int const h = first + lanes.head;
        std::int64_t const end = h < g.columns ? rows.end : rows.begin;
        float average = 0;
        for (std::int64_t e = rows.begin + lanes.slot; e < end; e += lanes.slots)
            average += y[e * g.columns + h] * dy[e * g.columns + h];
        average = lanes.reduce(average, Plus{});
        for (std::int64_t e = rows.begin + lanes.slot; e < end; e += lanes.slots)
            dx[e * g.columns + h] += y[e * g.columns + h] * (dy[e * g.columns + h] - average);
    }
}

Segments segments_of(TensorRef const& x, TensorRef const& edge_ptr, TensorRef const& row_ptr)
{
    auto const* const rows = static_cast<std::int32_t const*>(row_ptr.data);
    return {static_cast<std::int32_t const*>(edge_ptr.data),
            rows != nullptr ? rows + row_ptr.shape[0] - 1 : nullptr, edge_ptr.shape[0] - 1,
            static_cast<int>(x.shape[1])};
}
Launch launch_of(char const* name, Segments const& g)
{
    return {name, blocks_for(g.capacity, kWarps), kWarps * kWarp};
}
}  // namespace

void edge_softmax_forward(Context& ctx, EdgeSoftmaxArgs const& args)
{
    Segments const g = segments_of(args.x, args.edge_ptr, args.row_ptr);
    launch(ctx, launch_of("edge_softmax_forward", g), edge_softmax_forward_kernel, g,
           static_cast<float const*>(args.x.data), static_cast<float*>(args.y.data));
}

void edge_softmax_backward(Context& ctx, EdgeSoftmaxGradArgs const& args)
{
    Segments const g = segments_of(args.y, args.edge_ptr, args.row_ptr);
    launch(ctx, launch_of("edge_softmax_backward", g), edge_softmax_backward_kernel, g,
           static_cast<float const*>(args.y.data), static_cast<float const*>(args.dy.data),
           static_cast<float*>(args.dx.data));
}
}  // namespace calofuse::cuda
