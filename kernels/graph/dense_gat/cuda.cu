#include <algorithm>

#include "kernels/device/columns.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/graph/dense_gat.hpp"
#include "kernels/math/float_math.hpp"

// A block handles one head of one event, or all heads of one event one after the other where they are
// averaged. The weights of a head, (V, V), stay in shared memory; channels pass through it 32 at a time.
// Bound by memory while V is below about 30: forward reads h once and writes alpha and y, backward
// reads them and dy once and reads and writes dh.
namespace calofuse::cuda {
namespace {
constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;
constexpr int kTile = kWarp;     ///< channels
constexpr int kRow = kTile + 1;  ///< length of a row of a tile: no bank conflicts along columns

struct Sizes {
    int nodes, heads, channels, width;
    bool mean, relu, loops;
    float slope;

    __device__ int first_head() const { return mean ? 0 : static_cast<int>(blockIdx.y); }
    __device__ int end_head() const { return mean ? heads : first_head() + 1; }
    /// Where head k lies in a row of y, and what its values are multiplied with.
    __device__ int column(int k) const { return mean ? 0 : k * channels; }
    __device__ float scale() const { return mean ? 1.0F / static_cast<float>(heads) : 1.0F; }
};

/// self and neigh (V) of head k of the event: h is its first row.
__device__ void project(Sizes const& n,
                        float const* h,
                        float const* attn_self,
                        float const* attn_neigh,
                        int k,
                        float* self,
                        float* neigh)
{
    int const lane = lane_index();
    for (int i = warp_index(); i < n.nodes; i += kWarps) {
        float const* const row = h + (i * n.heads + k) * n.channels;
        float s = 0, t = 0;
        for (int c = lane; c < n.channels; c += kWarp) {
            s += row[c] * attn_self[c * n.heads + k];
            t += row[c] * attn_neigh[c * n.heads + k];
        }
        s = warp_sum(s);
        t = warp_sum(t);
        if (lane == 0) {
            self[i] = s;
            neigh[i] = t;
        }
    }
}

__device__ float leaky(float p, float slope)
{
    return p > 0 ? p : slope * p;
}

struct Forward {
    float const* a;
    std::int64_t a_step;  ///< from one event's graph to the next one's
    float const *h, *attn_self, *attn_neigh, *bias;
    float *alpha, *y;
};

/// Weights of row i: a lane has the columns `lane` and `lane + 32`.
__device__ void attend_row(Sizes const& n,
                           float const* a,
                           float self,
                           float const* neigh,
                           int i,
                           float* weight,
                           float* alpha)
{
    int const lane = lane_index();
    float p[2];
#pragma unroll
    for (int m = 0; m < 2; ++m) {
        int const j = lane + m * kWarp;
        bool const joined = j < n.nodes && (a[i * n.nodes + j] != 0 || (i == j && n.loops));
        p[m] = joined ? leaky(self + neigh[j], n.slope) : -INFINITY;
    }
    float const top = warp_max(p[0] > p[1] ? p[0] : p[1]);
#pragma unroll
    for (float& value : p)
        value = value - top > -87.0F ? exp_float(value - top) : 0.0F;  // NaN where top is -inf
    float const sum = warp_sum(p[0] + p[1]);
    float const scale = sum > 0 ? 1 / sum : 0.0F;
#pragma unroll
    for (int m = 0; m < 2; ++m) {
        int const j = lane + m * kWarp;
        if (j < n.nodes) weight[i * n.nodes + j] = alpha[j] = p[m] * scale;
    }
}

__global__ __launch_bounds__(kThreads) void dense_gat_forward_kernel(Sizes n, Forward t)
{
    extern __shared__ float memory[];
    float* const weight = memory;
    float* const self = weight + n.nodes * n.nodes;
    float* const neigh = self + n.nodes;
    std::int64_t const b = blockIdx.x;
    int const step = n.heads * n.channels;
    int const thread = static_cast<int>(threadIdx.x);
    float const* const h = t.h + b * n.nodes * step;
    float* const y = t.y + b * n.nodes * n.width;
    for (int k = n.first_head(); k < n.end_head(); ++k) {
        __syncthreads();
        project(n, h, t.attn_self, t.attn_neigh, k, self, neigh);
        __syncthreads();
        for (int i = thread / kWarp; i < n.nodes; i += kWarps)
            attend_row(n, t.a + b * t.a_step, self[i], neigh, i, weight,
                       t.alpha + ((b * n.nodes + i) * n.heads + k) * n.nodes);
        __syncthreads();
        bool const first = k == n.first_head(), last = k + 1 == n.end_head();
        for (int e = thread; e < n.nodes * n.channels; e += kThreads) {
            int const i = e / n.channels, c = e % n.channels;
            float const* const column = h + k * n.channels + c;
            float sum = 0;
            for (int j = 0; j < n.nodes; ++j)
                sum += weight[i * n.nodes + j] * column[j * step];
            int const at = n.column(k) + c;
            float* const out = y + i * n.width + at;
            float const start = !first ? *out : t.bias != nullptr ? t.bias[at] : 0.0F;
            float const value = start + sum * n.scale();
            *out = last && n.relu ? activate<NodeActivation::relu>(value) : value;
        }
    }
}

struct Backward {
    float const *h, *attn_self, *attn_neigh, *alpha, *y, *dy;
    float* dh;
    float *partial_self, *partial_neigh;  ///< (B, C, H)
    float* partial_bias;                  ///< (B, W) or null
};

/// Shared memory of the backward pass.
struct Tiles {
    float *alpha, *dp;      ///< (V, V)
    float *g, *h;           ///< (V, kRow): gradient of z and h, channels c0 and on
    float *self, *neigh;    ///< (V)
    float *dself, *dneigh;  ///< (V)
    static constexpr std::size_t size(std::size_t nodes)
    {
        return nodes * (2 * nodes + 2 * kRow + 4);
    }
    __device__ Tiles(float* memory, int nodes)
        : alpha(memory)
        , dp(alpha + nodes * nodes)
        , g(dp + nodes * nodes)
        , h(g + nodes * kRow)
        , self(h + nodes * kRow)
        , neigh(self + nodes)
        , dself(neigh + nodes)
        , dneigh(dself + nodes)
    {}
};

/// What a block works on: head k of event b.
struct Head {
    std::int64_t b;
    int k;
};

/// Channels c0 to c0 + 31 of h and of g = scale dy act'(y); zero past the last channel.
__device__ void load_tiles(Sizes const& n, Backward const& t, Head at, int c0, Tiles const& s)
{
    for (int e = static_cast<int>(threadIdx.x); e < n.nodes * kTile; e += kThreads) {
        int const i = e / kTile, c = c0 + e % kTile;
        bool const inside = c < n.channels;
        std::int64_t const row = at.b * n.nodes + i;
        std::int64_t const out = row * n.width + n.column(at.k) + c;
        float g = inside ? t.dy[out] : 0.0F;
        if (inside && n.relu) g = activation_gradient<NodeActivation::relu>(g, t.y[out]);
        s.g[i * kRow + e % kTile] = g * n.scale();
        s.h[i * kRow + e % kTile] = inside ? t.h[(row * n.heads + at.k) * n.channels + c] : 0.0F;
    }
}

/// From dalpha in s.dp to the gradient of p in place, its sums over rows in dself.
__device__ void softmax_backward_row(Sizes const& n, Tiles const& s, int i)
{
    int const lane = lane_index();
    float const* const alpha = s.alpha + i * n.nodes;
    float* const dp = s.dp + i * n.nodes;
    float average = 0, sum = 0;
    for (int j = lane; j < n.nodes; j += kWarp)
        average += alpha[j] * dp[j];
    average = warp_sum(average);
    for (int j = lane; j < n.nodes; j += kWarp) {
        float const slope = s.self[i] + s.neigh[j] > 0 ? 1.0F : n.slope;
        dp[j] = alpha[j] * (dp[j] - average) * slope;
        sum += dp[j];
    }
    sum = warp_sum(sum);
    if (lane == 0) s.dself[i] = sum;
}

/// dself and dneigh of a head, from alpha and the products of g and h.
__device__ void attention_gradients(Sizes const& n, Backward const& t, Head at, Tiles const& s)
{
    int const thread = static_cast<int>(threadIdx.x);
    int const pairs = n.nodes * n.nodes;
    for (int e = thread; e < pairs; e += kThreads) {
        std::int64_t const row = at.b * n.nodes + e / n.nodes;
        s.alpha[e] = t.alpha[(row * n.heads + at.k) * n.nodes + e % n.nodes];
        s.dp[e] = 0;
    }
    project(n, t.h + at.b * n.nodes * n.heads * n.channels, t.attn_self, t.attn_neigh, at.k, s.self,
            s.neigh);
    for (int c0 = 0; c0 < n.channels; c0 += kTile) {
        __syncthreads();
        load_tiles(n, t, at, c0, s);
        __syncthreads();
        for (int e = thread; e < pairs; e += kThreads) {
            float const* const g = s.g + e / n.nodes * kRow;
            float const* const h = s.h + e % n.nodes * kRow;
            float sum = 0;
#pragma unroll 8
            for (int c = 0; c < kTile; ++c)
                sum += g[c] * h[c];
            s.dp[e] += sum;
        }
    }
    __syncthreads();
    for (int i = thread / kWarp; i < n.nodes; i += kWarps)
        softmax_backward_row(n, s, i);
    __syncthreads();
    for (int j = thread; j < n.nodes; j += kThreads) {
        float sum = 0;
        for (int i = 0; i < n.nodes; ++i)
            sum += s.dp[i * n.nodes + j];
        s.dneigh[j] = sum;
    }
}

/// The event's share of the gradients of attn and bias, channel c: a thread has a column of the tiles.
__device__ void parameter_gradients(
    Sizes const& n, Backward const& t, Head at, int c0, Tiles const& s)
{
    int const c = c0 + static_cast<int>(threadIdx.x);
    if (threadIdx.x >= kTile || c >= n.channels) return;
    float self = 0, neigh = 0, bias = 0;
    for (int i = 0; i < n.nodes; ++i) {
        float const h = s.h[i * kRow + c - c0];
        self += s.dself[i] * h;
        neigh += s.dneigh[i] * h;
        bias += s.g[i * kRow + c - c0];
    }
    std::int64_t const out = (at.b * n.channels + c) * n.heads + at.k;
    t.partial_self[out] = self;
    t.partial_neigh[out] = neigh;
    if (t.partial_bias == nullptr) return;
    // g is scaled; all heads of a mean see the same, and add their shares
    float* const sum = t.partial_bias + at.b * n.width + n.column(at.k) + c;
    *sum = (at.k == n.first_head() ? 0.0F : *sum) + bias;
}

__global__ __launch_bounds__(kThreads, 6) void dense_gat_backward_kernel(Sizes n, Backward t)
{
    extern __shared__ float memory[];
    Tiles const s(memory, n.nodes);
    int const thread = static_cast<int>(threadIdx.x);
    for (int k = n.first_head(); k < n.end_head(); ++k) {
        Head const at{blockIdx.x, k};
        __syncthreads();
        attention_gradients(n, t, at, s);
        for (int c0 = 0; c0 < n.channels; c0 += kTile) {
            __syncthreads();
            if (n.channels > kTile) {  // else they are still there
                load_tiles(n, t, at, c0, s);
                __syncthreads();
            }
            parameter_gradients(n, t, at, c0, s);
            for (int e = thread; e < n.nodes * kTile; e += kThreads) {
                int const j = e / kTile, c = c0 + e % kTile;
                if (c >= n.channels) continue;
                float sum = s.dself[j] * t.attn_self[c * n.heads + k]
                            + s.dneigh[j] * t.attn_neigh[c * n.heads + k];
                for (int i = 0; i < n.nodes; ++i)
                    sum += s.alpha[i * n.nodes + j] * s.g[i * kRow + e % kTile];
                t.dh[((at.b * n.nodes + j) * n.heads + k) * n.channels + c] += sum;
            }
        }
    }
}

Sizes sizes_of(TensorRef const& h, TensorRef const& y, DenseGatOptions const& options)
{
    return {static_cast<int>(h.shape[1]),     static_cast<int>(h.shape[2]),
            static_cast<int>(h.shape[3]),     static_cast<int>(y.shape[2]),
            options.merge == HeadMerge::mean, options.activation == NodeActivation::relu,
            options.loops == SelfLoops::add,  options.slope};
}
dim3 grid_of(TensorRef const& h, Sizes const& n)
{
    return {static_cast<unsigned>(h.shape[0]), n.mean ? 1U : static_cast<unsigned>(n.heads)};
}
float* data(TensorRef const& t)
{
    return static_cast<float*>(t.data);
}
}  // namespace

void dense_gat_forward(Context& ctx, DenseGatArgs const& args)
{
    Sizes const n = sizes_of(args.h, args.y, args.options);
    auto const nodes = static_cast<std::size_t>(n.nodes);
    Forward const t{data(args.a),          args.a.rank == 3 ? n.nodes * n.nodes : 0,
                    data(args.h),          data(args.attn_self),
                    data(args.attn_neigh), data(args.bias),
                    data(args.alpha),      data(args.y)};
    launch(ctx,
           {"dense_gat_forward", grid_of(args.h, n), kThreads, sizeof(float) * nodes * (nodes + 2)},
           dense_gat_forward_kernel, n, t);
}

void dense_gat_backward(Context& ctx, DenseGatGradArgs const& args)
{
    Sizes const n = sizes_of(args.h, args.y, args.options);
    std::int64_t const events = args.h.shape[0];
    std::int64_t const step = std::int64_t{n.heads} * n.channels;
    bool const wants_bias = !args.dbias.empty();
    auto const partial_self = ctx.scratch<float>(events * step);
    auto const partial_neigh = ctx.scratch<float>(events * step);
    auto const partial_bias = ctx.scratch<float>(wants_bias ? events * n.width : 0);
    Backward const t{.h = data(args.h),
                     .attn_self = data(args.attn_self),
                     .attn_neigh = data(args.attn_neigh),
                     .alpha = data(args.alpha),
                     .y = data(args.y),
                     .dy = data(args.dy),
                     .dh = data(args.dh),
                     .partial_self = partial_self.data(),
                     .partial_neigh = partial_neigh.data(),
                     .partial_bias = wants_bias ? partial_bias.data() : nullptr};
    launch(ctx,
           {"dense_gat_backward", grid_of(args.h, n), kThreads,
            sizeof(float) * Tiles::size(static_cast<std::size_t>(n.nodes))},
           dense_gat_backward_kernel, n, t);
    auto const add = [&](Block<float> const& from, std::int64_t count, TensorRef const& to) {
        add_partials<double>(ctx, "dense_gat_parameters", static_cast<float const*>(from.data()),
                             events, count, data(to));
    };
    add(partial_self, step, args.dattn_self);
    add(partial_neigh, step, args.dattn_neigh);
    if (wants_bias) add(partial_bias, n.width, args.dbias);
}
}  // namespace calofuse::cuda
