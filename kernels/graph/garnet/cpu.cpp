#include <algorithm>

#include "kernels/graph/garnet/math.hpp"
#include "kernels/graph/garnet/simd.hpp"
#include "runtime/isa.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kGraphsPerItem = 16;

GarNetKernels const& kernels()
{
    return cpu_isa() == Isa::avx512 ? avx512::garnet_kernels : avx2::garnet_kernels;
}

/// f(graph, first row, number of rows); several graphs a work item.
template <class F>
void each_graph(Context& ctx, TensorRef const& row_ptr, F&& f)
{
    auto const* const rows = static_cast<std::int32_t const*>(row_ptr.data);
    parallel_chunks(ctx, row_ptr.shape[0] - 1, kGraphsPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        for (std::int64_t b = begin; b < end; ++b)
                            f(b, std::int64_t{rows[b]}, std::int64_t{rows[b + 1] - rows[b]});
                    });
}

void weights(GarNetKernel kernel,
             float const* __restrict d,
             std::int64_t count,
             float* __restrict w)
{
    if (kernel == GarNetKernel::square)
        for (std::int64_t e = 0; e < count; ++e)
            w[e] = garnet_weight(GarNetKernel::square, d[e]);
    else
        for (std::int64_t e = 0; e < count; ++e)
            w[e] = garnet_weight(GarNetKernel::abs, d[e]);
}
}  // namespace

void garnet_collect(Context& ctx, GarNetCollectArgs const& args)
{
    GarNetShape const n = garnet_shape(args.f, args.d, args.options);
    GarNetKernels const& simd = kernels();
    auto const* const f_data = static_cast<float const*>(args.f.data);
    auto const* const d = static_cast<float const*>(args.d.data);
    auto* const w_data = static_cast<float*>(args.w.data);
    auto* const agg_data = static_cast<float*>(args.agg.data);
    auto* const winner_data = static_cast<std::int32_t*>(args.winner.data);

    each_graph(ctx, args.row_ptr, [&](std::int64_t b, std::int64_t first, std::int64_t nodes) {
        float* const agg = agg_data + b * n.aggregators * n.width();
        std::int32_t* const winner =
            n.full ? winner_data + b * n.aggregators * n.collected() : nullptr;
        if (nodes == 0) {
            std::fill_n(agg, n.aggregators * n.width(), 0.0F);
            if (n.full) std::fill_n(winner, n.aggregators * n.collected(), -1);
            return;
        }
        float* const w = w_data + first * n.aggregators;
        weights(args.options.kernel, d + first * n.aggregators, nodes * n.aggregators, w);
        GarNetSums sums{.mean = agg + n.mean_column(),
                        .max = n.full ? agg : nullptr,
                        .stride = n.width(),
                        .winner = winner,
                        .winner_stride = n.collected(),
                        .first_row = static_cast<std::int32_t>(first),
                        .scale = garnet_mean_scale(args.options, nodes),
                        .zero_row = nodes < args.options.padded_nodes};
        simd.collect({f_data + first * n.features, w, nodes, n.features, n.aggregators}, sums);
        if (!n.full) return;
        sums.mean += n.features;
        sums.max += n.features;
        sums.winner += n.features;
        simd.collect({w, w, nodes, n.aggregators, n.aggregators}, sums);
    });
}

namespace {
struct CollectGradient {
    GarNetShape n;
    GarNetOptions options;
    float const *f, *d, *w, *dagg, *dw;
    std::int32_t const* winner;
    float *df, *dd;

    explicit CollectGradient(GarNetCollectGradArgs const& args)
        : n(garnet_shape(args.f, args.d, args.options))
        , options(args.options)
        , f(static_cast<float const*>(args.f.data))
        , d(static_cast<float const*>(args.d.data))
        , w(static_cast<float const*>(args.w.data))
        , dagg(static_cast<float const*>(args.dagg.data))
        , dw(static_cast<float const*>(args.dw.data))
        , winner(static_cast<std::int32_t const*>(args.winner.data))
        , df(static_cast<float*>(args.df.data))
        , dd(static_cast<float*>(args.dd.data))
    {}
    void add_dw(std::int64_t v, std::int64_t a, float value) const
    {
        std::int64_t const e = v * n.aggregators + a;
        dd[e] += value * garnet_weight_slope(options.kernel, d[e], w[e]);
    }
    /// Means, and the uses of w outside.
    void means(std::int64_t b, std::int64_t first, std::int64_t nodes) const
    {
        GarNetKernels const& simd = kernels();
        GarNetRows const of_f{f + first * n.features, w + first * n.aggregators, nodes, n.features,
                              n.aggregators};
        GarNetRows const of_w{of_f.w, of_f.w, nodes, n.aggregators, n.aggregators};
        float const* const dmean = dagg + b * n.aggregators * n.width() + n.mean_column();
        float const scale = garnet_mean_scale(options, nodes);
        for (std::int64_t v = 0; v < nodes; ++v) {
            float sum[kMaxAggregators] = {};
            std::int64_t const row = first + v;
            if (dw != nullptr) std::copy_n(dw + row * n.aggregators, n.aggregators, sum);
            simd.collect_backward(of_f, v, dmean, n.width(), scale, df + row * n.features, sum);
            if (n.full)
                simd.collect_backward(of_w, v, dmean + n.features, n.width(), scale, sum, sum);
            for (std::int64_t a = 0; a < n.aggregators; ++a)
                add_dw(row, a, sum[a]);
        }
    }
    /// Each maximum has one node.
    void maxima(std::int64_t b) const
    {
        for (std::int64_t a = 0; a < n.aggregators; ++a) {
            float const* const dmax = dagg + (b * n.aggregators + a) * n.width();
            std::int32_t const* const row = winner + (b * n.aggregators + a) * n.collected();
            for (std::int64_t c = 0; c < n.features; ++c) {
                std::int64_t const v = row[c];
                if (v < 0) continue;
                df[v * n.features + c] += w[v * n.aggregators + a] * dmax[c];
                add_dw(v, a, f[v * n.features + c] * dmax[c]);
            }
            for (std::int64_t c = 0; c < n.aggregators; ++c) {
                std::int64_t const v = row[n.features + c];
                if (v < 0) continue;
                float const from = dmax[n.features + c];
                add_dw(v, c, w[v * n.aggregators + a] * from);
                add_dw(v, a, w[v * n.aggregators + c] * from);
            }
        }
    }
};
}  // namespace

void garnet_collect_backward(Context& ctx, GarNetCollectGradArgs const& args)
{
    CollectGradient const gradient(args);
    each_graph(ctx, args.row_ptr, [&](std::int64_t b, std::int64_t first, std::int64_t nodes) {
        gradient.means(b, first, nodes);
        if (gradient.n.full) gradient.maxima(b);
    });
}

void garnet_spread(Context& ctx, GarNetSpreadArgs const& args)
{
    GarNetKernels const& simd = kernels();
    std::int64_t const aggregators = args.w.shape[1];
    std::int64_t const outputs = args.z.shape[2];
    auto const* const w = static_cast<float const*>(args.w.data);
    auto const* const z = static_cast<float const*>(args.z.data);
    auto const* const base = static_cast<float const*>(args.base.data);
    auto* const y = static_cast<float*>(args.y.data);
    each_graph(ctx, args.row_ptr, [&](std::int64_t b, std::int64_t first, std::int64_t nodes) {
        simd.spread({base != nullptr ? base + first * outputs : nullptr, w + first * aggregators,
                     nodes, outputs, aggregators},
                    z + b * aggregators * outputs, y + first * outputs);
    });
}

void garnet_spread_backward(Context& ctx, GarNetSpreadGradArgs const& args)
{
    GarNetKernels const& simd = kernels();
    std::int64_t const aggregators = args.w.shape[1];
    std::int64_t const outputs = args.z.shape[2];
    auto const* const w = static_cast<float const*>(args.w.data);
    auto const* const z = static_cast<float const*>(args.z.data);
    auto const* const dy = static_cast<float const*>(args.dy.data);
    auto* const dw = static_cast<float*>(args.dw.data);
    auto* const dz = static_cast<float*>(args.dz.data);
    each_graph(ctx, args.row_ptr, [&](std::int64_t b, std::int64_t first, std::int64_t nodes) {
        simd.spread_backward(
            {dy + first * outputs, w + first * aggregators, nodes, outputs, aggregators},
            z + b * aggregators * outputs, dw + first * aggregators,
            dz + b * aggregators * outputs);
    });
}
}  // namespace calofuse::cpu
