// A warp a node. Its list with the weights goes to shared memory, lanes run over the channels. Backward
// in two passes: every node works out the slopes of its own list, three numbers an edge; then every
// node gathers over the lists that it is in.
#include "kernels/device/nodes.cuh"
#include "kernels/graph/edges/out_edges.cuh"
#include "kernels/graph/gravnet/math.hpp"

namespace calofuse::cuda {
namespace {
struct Inputs {
    float const *s, *h;
    std::int32_t const* neighbour;
    std::int64_t dimensions, features, width;
    GravNetRule rule;

    template <class Args>
    explicit Inputs(Args const& args)
        : s(static_cast<float const*>(args.s.data))
        , h(static_cast<float const*>(args.h.data))
        , neighbour(static_cast<std::int32_t const*>(args.neighbour.data))
        , dimensions(args.s.shape[1])
        , features(args.h.shape[1])
        , width(args.neighbour.shape[1])
        , rule(gravnet_rule(args.variant))
    {}
    __device__ std::int64_t mean_column() const { return rule.max_first ? features : 0; }
    __device__ std::int64_t max_column() const { return rule.max_first ? 0 : features; }
    __device__ float squared_distance(std::int64_t i, std::int64_t j) const
    {
        float sum = 0;
        for (std::int64_t d = 0; d < dimensions; ++d) {
            float const step = s[i * dimensions + d] - s[j * dimensions + d];
            sum += step * step;
        }
        return sum;
    }
};

/// Of one node, in shared memory.
struct ListMemory {
    std::int32_t row[kMaxGravNetList];
    float weight[kMaxGravNetList];
    float slope[kMaxGravNetList];  ///< backward only
};
__device__ ListMemory& list_of_warp()
{
    __shared__ ListMemory lists[kNodesPerBlock];
    return lists[warp_index()];
}

struct List {
    int count = 0;
    float scale = 0;
    bool sum_counts = false;  ///< the mean is divided by the sum of the weights
};

/// `keep(k, place, weight)` for entry k of the neighbours; place: in the list, or -1.
template <class Keep>
__device__ List make_list(Inputs const& in, std::int32_t node, int lane, Keep const& keep)
{
    ListMemory& memory = list_of_warp();
    List list;
    float sum = 0;
    if (in.rule.with_self) {
        if (lane == 0) {
            memory.row[0] = node;
            memory.weight[0] = sum = 1;
        }
        list.count = 1;
    }
    for (std::int64_t k0 = 0; k0 < in.width; k0 += kWarp) {
        std::int64_t const k = k0 + lane;
        std::int32_t const j = k < in.width ? in.neighbour[node * in.width + k] : -1;
        unsigned const good = __ballot_sync(kFullMask, j >= 0);
        int const place = j < 0 ? -1 : list.count + __popc(good & lanes_below());
        float const weight = j < 0 ? 0.0F : gravnet_weight(in.squared_distance(node, j));
        if (j >= 0) {
            memory.row[place] = j;
            memory.weight[place] = weight;
        }
        if (k < in.width) keep(k, place, weight);
        sum += weight;
        list.count += __popc(good);
    }
    float divisor = static_cast<float>(in.rule.mean_over_width ? in.width : list.count);
    if (in.rule.normalised) {
        float const least = kGravNetLeastMeanWeight * static_cast<float>(in.width);
        sum = warp_sum(sum);
        list.sum_counts = sum >= least;
        divisor = list.sum_counts ? sum : least;
    }
    list.scale = 1 / divisor;
    __syncwarp();
    return list;
}

/// Bound by L2: 4 F bytes an edge.
struct Forward {
    Inputs in;
    float* y;
    std::int32_t* winner;
    __device__ void operator()(std::int32_t i, int lane) const
    {
        List const list = make_list(in, i, lane, [](std::int64_t, int, float) {});
        ListMemory const& memory = list_of_warp();
        for (std::int64_t c = lane; c < in.features; c += kWarp) {
            float sum = 0, largest = 0;
            int place = 0;
            for (int k = 0; k < list.count; ++k) {
                float const v = memory.weight[k] * in.h[memory.row[k] * in.features + c];
                sum += v;
                bool const larger = k == 0 || v > largest;
                place = larger ? k : place;
                largest = larger ? v : largest;
            }
            float const own = in.rule.minus_own ? in.h[i * in.features + c] : 0.0F;
            std::int64_t const row = std::int64_t{i} * 2 * in.features + c;
            y[row + in.mean_column()] = (list.count > 0 ? list.scale * sum : 0.0F) - own;
            y[row + in.max_column()] = largest - own;
            winner[i * in.features + c] = place;
        }
    }
};

/// What the lists of all nodes keep for the second pass: (N, K) and (N).
struct Kept {
    float *weight, *slope;
    std::int32_t* place;
    float* scale;
};

/// Slopes of the squared distances of node i's list, and its own part of ds. Bound by L2: 4 F bytes
/// an edge.
struct OwnList {
    Inputs in;
    float const* dy;
    std::int32_t const* winner;
    Kept kept;
    float* ds;

    /// d / d weight[k] of the weighted sums, and of the plain sum of all h by dmean.
    __device__ void dots(
        std::int32_t i, int k, float scale, int lane, float& with, float& mean) const
    {
        float const* const dmean = dy + std::int64_t{i} * 2 * in.features + in.mean_column();
        float const* const dmax = dy + std::int64_t{i} * 2 * in.features + in.max_column();
        std::int64_t const row = list_of_warp().row[k] * in.features;
        with = mean = 0;
        for (std::int64_t c = lane; c < in.features; c += kWarp) {
            float const h = in.h[row + c], d = dmean[c];
            float const of_max = winner[i * in.features + c] == k ? dmax[c] : 0.0F;
            with += (scale * d + of_max) * h;
            mean += d * h;
        }
        with = warp_sum(with);
        if (in.rule.normalised) mean = warp_sum(mean);
    }
    __device__ void operator()(std::int32_t i, int lane) const
    {
        std::int64_t const edges = i * in.width;
        List const list = make_list(in, i, lane, [&](std::int64_t k, int place, float weight) {
            kept.weight[edges + k] = weight;
            kept.place[edges + k] = place;
        });
        ListMemory& memory = list_of_warp();
        float by_sum = 0;
        for (int k = 0; k < list.count; ++k) {
            float with = 0, mean = 0;
            dots(i, k, list.scale, lane, with, mean);
            if (list.sum_counts) by_sum += memory.weight[k] * mean;
            if (lane == 0) memory.slope[k] = with;
        }
        by_sum *= list.scale * list.scale;
        __syncwarp();
        for (int k = lane; k < list.count; k += kWarp)
            memory.slope[k] =
                -2 * kGravNetSteepness * memory.weight[k] * (memory.slope[k] - by_sum);
        __syncwarp();
        for (std::int64_t k = lane; k < in.width; k += kWarp) {
            int const place = kept.place[edges + k];  // written by this lane
            kept.slope[edges + k] = place < 0 ? 0.0F : memory.slope[place];
        }
        if (lane == 0) kept.scale[i] = list.scale;
        for (std::int64_t d = lane; d < in.dimensions; d += kWarp) {
            float const at_node = in.s[i * in.dimensions + d];
            float sum = 0;
            for (int k = in.rule.with_self ? 1 : 0; k < list.count; ++k)
                sum += memory.slope[k] * (at_node - in.s[memory.row[k] * in.dimensions + d]);
            ds[i * in.dimensions + d] += sum;
        }
    }
};

/// dh, ds of node j from the lists that it is in, and from its own use of h. Bound by L2: 12 F bytes
/// an edge.
struct OtherLists {
    Inputs in;
    float const* dy;
    std::int32_t const* winner;
    Kept kept;
    OutEdges out;
    float *ds, *dh;

    /// What channel c of node i's two results says of one weighted entry of its list.
    __device__ float entry_gradient(std::int32_t i, std::int64_t c, int place) const
    {
        float const* const row = dy + std::int64_t{i} * 2 * in.features + c;
        float const mean = kept.scale[i] * row[in.mean_column()];
        return winner[i * in.features + c] == place ? mean + row[in.max_column()] : mean;
    }
    __device__ void operator()(std::int32_t j, int lane) const
    {
        std::int32_t const begin = out.begin[j], end = out.end[j];
        for (std::int64_t c = lane; c < in.features; c += kWarp) {
            float sum = in.rule.with_self ? entry_gradient(j, c, 0) : 0.0F;
            for (std::int32_t p = begin; p < end; ++p) {
                std::int32_t const e = out.edge[p];
                sum += kept.weight[e] * entry_gradient(out.target[p], c, kept.place[e]);
            }
            if (in.rule.minus_own) {
                float const* const row = dy + std::int64_t{j} * 2 * in.features + c;
                sum -= row[0] + row[in.features];
            }
            dh[j * in.features + c] += sum;
        }
        for (std::int64_t d = lane; d < in.dimensions; d += kWarp) {
            float const at_node = in.s[j * in.dimensions + d];
            float sum = 0;
            for (std::int32_t p = begin; p < end; ++p)
                sum +=
                    kept.slope[out.edge[p]] * (at_node - in.s[out.target[p] * in.dimensions + d]);
            ds[j * in.dimensions + d] += sum;
        }
    }
};
}  // namespace

void gravnet_forward(Context& ctx, GravNetArgs const& args)
{
    each_node_warp(ctx, "gravnet_forward", Rows(args.row_ptr, args.s.shape[0]),
                   Forward{Inputs(args), static_cast<float*>(args.y.data),
                           static_cast<std::int32_t*>(args.winner.data)});
}

void gravnet_backward(Context& ctx, GravNetGradArgs const& args)
{
    Rows const rows(args.row_ptr, args.s.shape[0]);
    std::int64_t const edges = args.neighbour.size();
    auto const weight = ctx.scratch<float>(edges), slope = ctx.scratch<float>(edges);
    auto const place = ctx.scratch<std::int32_t>(edges);
    auto const scale = ctx.scratch<float>(rows.capacity);
    Kept const kept{weight.data(), slope.data(), place.data(), scale.data()};
    Inputs const in(args);
    auto const* const dy = static_cast<float const*>(args.dy.data);
    auto const* const winner = static_cast<std::int32_t const*>(args.winner.data);
    auto* const ds = static_cast<float*>(args.ds.data);
    OutEdgeLists const out(ctx, rows, InEdges(args.neighbour));
    each_node_warp(ctx, "gravnet_slopes", rows, OwnList{in, dy, winner, kept, ds});
    each_node_warp(
        ctx, "gravnet_backward", rows,
        OtherLists{in, dy, winner, kept, out.view(), ds, static_cast<float*>(args.dh.data)});
}
}  // namespace calofuse::cuda
