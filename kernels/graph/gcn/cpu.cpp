#include <algorithm>
#include <cmath>

#include "kernels/graph/gcn.hpp"
#include "kernels/graph/gcn/simd.hpp"
#include "runtime/isa.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kGraphsPerItem = 16;
constexpr int kRowsPerCall = 128;

GcnKernels const& kernels()
{
    return cpu_isa() == Isa::avx512 ? avx512::gcn_kernels : avx2::gcn_kernels;
}

struct Graph {
    std::int32_t const* edge_ptr;
    std::int32_t const* source;
    float const* edge_weight;  ///< null: ones
    SelfLoops loops;

    float weight(std::int32_t e) const { return edge_weight == nullptr ? 1.0F : edge_weight[e]; }
    /// The one loop of SelfLoops::add, if the edges hold it, or -1.
    std::int32_t loop(std::int32_t i) const
    {
        if (loops == SelfLoops::as_given) return -1;
        std::int32_t e = edge_ptr[i + 1];
        while (e > edge_ptr[i] && source[e - 1] != i)
            --e;
        return e > edge_ptr[i] ? e - 1 : -1;
    }
    float loop_weight(std::int32_t i) const
    {
        if (loops == SelfLoops::as_given) return 0.0F;
        std::int32_t const e = loop(i);
        return e < 0 ? 1.0F : weight(e);
    }
    /// f(edge, source) over the edges into i, in order, without the one loop and those ignored for it.
    template <class F>
    void each_other(std::int32_t i, F&& f) const
    {
        for (std::int32_t e = edge_ptr[i]; e < edge_ptr[i + 1]; ++e)
            if (source[e] != i || loops == SelfLoops::as_given) f(e, source[e]);
    }
    float inverse_root(std::int32_t i) const
    {
        double degree = 0;
        each_other(i, [&](std::int32_t e, std::int32_t) { degree += weight(e); });
        degree += loop_weight(i);
        return degree > 0 ? static_cast<float>(1 / std::sqrt(degree)) : 0.0F;
    }
};

/// Collects the rows of one node and hands them on when there are kRowsPerCall of them.
template <class F>
class RowList {
  public:
    explicit RowList(F flush) : flush_(flush) {}
    void add(std::int32_t row, float factor)
    {
        row_[count_] = row;
        factor_[count_++] = factor;
        if (count_ == kRowsPerCall) flush();
    }
    void flush()
    {
        if (count_ > 0) flush_(GcnRows{row_, factor_, count_});
        count_ = 0;
    }

  private:
    F flush_;
    std::int32_t row_[kRowsPerCall];
    float factor_[kRowsPerCall];
    int count_ = 0;
};

/// The rows of node i: its neighbours, then itself.
template <class F>
void each_row(Graph const& graph, float const* root, std::int32_t i, F flush)
{
    RowList<F> list(flush);
    graph.each_other(i, [&](std::int32_t e, std::int32_t j) {
        list.add(j, root[i] * graph.weight(e) * root[j]);
    });
    if (graph.loops == SelfLoops::add) list.add(i, root[i] * graph.loop_weight(i) * root[i]);
    list.flush();
}

struct Weights {
    Graph graph;
    float const* root;
    float const* u;
    float const* dy;
    std::int64_t channels;
    float* product;  ///< (E) <dy_i, u_j> of each edge
    double* pull;    ///< (N) sum of product w s over edges into and out of a node
    float* dw;

    double product_of(std::int32_t i, std::int32_t j) const
    {
        return static_cast<double>(kernels().dot(dy + i * channels, u + j * channels, channels));
    }
    /// Through s_i w_e s_j, and through the degree of the target.
    void add(std::int32_t begin, std::int32_t end) const
    {
        std::fill(pull + begin, pull + end, 0.0);
        for (std::int32_t i = begin; i < end; ++i) {
            graph.each_other(i, [&](std::int32_t e, std::int32_t j) {
                double const p = product_of(i, j);
                product[e] = static_cast<float>(p);
                double const weighted = p * static_cast<double>(graph.weight(e));
                pull[i] += weighted * static_cast<double>(root[j]);
                pull[j] += weighted * static_cast<double>(root[i]);
            });
            double const p = product_of(i, i);
            if (std::int32_t const e = graph.loop(i); e >= 0) product[e] = static_cast<float>(p);
            pull[i] +=
                2 * p * static_cast<double>(graph.loop_weight(i)) * static_cast<double>(root[i]);
        }
        for (std::int32_t i = begin; i < end; ++i) {
            auto const s = static_cast<double>(root[i]);
            auto const through_degree = static_cast<float>(-0.5 * s * s * s * pull[i]);
            graph.each_other(i, [&](std::int32_t e, std::int32_t j) {
                dw[e] += product[e] * root[i] * root[j] + through_degree;
            });
            if (std::int32_t const e = graph.loop(i); e >= 0)
                dw[e] += product[e] * root[i] * root[i] + through_degree;
        }
    }
};

template <class Args>
Graph graph_of(Args const& args)
{
    return {static_cast<std::int32_t const*>(args.edge_ptr.data),
            static_cast<std::int32_t const*>(args.source.data),
            static_cast<float const*>(args.edge_weight.data), args.loops};
}

void add_row(float const* __restrict row, std::int64_t channels, double* __restrict sum)
{
    for (std::int64_t c = 0; c < channels; ++c)
        sum[c] += static_cast<double>(row[c]);
}
}  // namespace

void gcn_forward(Context& ctx, GcnArgs const& args)
{
    auto const row_ptr = args.row_ptr.view<std::int32_t const, 1>();
    auto const u = args.u.view<float const, 2>();
    auto* const y = static_cast<float*>(args.y.data);
    auto const* const bias = static_cast<float const*>(args.bias.data);
    Graph const graph = graph_of(args);
    std::int64_t const channels = u.shape[1];
    auto const root = ctx.scratch<float>(u.shape[0]);
    parallel_chunks(ctx, row_ptr.shape[0] - 1, kGraphsPerItem,
                    [&](std::int64_t first, std::int64_t last, auto) {
                        for (std::int32_t i = row_ptr[first]; i < row_ptr[last]; ++i)
                            root.data()[i] = graph.inverse_root(i);
                        for (std::int32_t i = row_ptr[first]; i < row_ptr[last]; ++i) {
                            float* const out = y + i * channels;
                            if (bias == nullptr)
                                std::fill_n(out, channels, 0.0F);
                            else
                                std::copy_n(bias, channels, out);
                            each_row(graph, root.data(), i, [&](GcnRows const& rows) {
                                kernels().gather(rows, u.data, channels, out);
                            });
                        }
                    });
}

void gcn_backward(Context& ctx, GcnGradArgs const& args)
{
    auto const row_ptr = args.row_ptr.view<std::int32_t const, 1>();
    auto const dy = args.dy.view<float const, 2>();
    auto* const du = static_cast<float*>(args.du.data);
    Graph const graph = graph_of(args);
    std::int64_t const channels = dy.shape[1];
    std::int64_t const graphs = row_ptr.shape[0] - 1;
    std::int64_t const items = (graphs + kGraphsPerItem - 1) / kGraphsPerItem;
    bool const of_weights = !args.dedge_weight.empty();
    auto const root = ctx.scratch<float>(dy.shape[0]);
    auto const product = ctx.scratch<float>(of_weights ? args.source.shape[0] : 0);
    auto const pull = ctx.scratch<double>(of_weights ? dy.shape[0] : 0);
    auto const sums = ctx.scratch<double>(args.dbias.empty() ? 0 : items * channels);
    Weights const weights{
        graph,          root.data(), static_cast<float const*>(args.u.data),     dy.data, channels,
        product.data(), pull.data(), static_cast<float*>(args.dedge_weight.data)};
    parallel_chunks(ctx, graphs, kGraphsPerItem,
                    [&](std::int64_t first, std::int64_t last, std::int64_t item) {
                        std::int32_t const begin = row_ptr[first];
                        std::int32_t const end = row_ptr[last];
                        for (std::int32_t i = begin; i < end; ++i)
                            root.data()[i] = graph.inverse_root(i);
                        for (std::int32_t i = begin; i < end; ++i)
                            each_row(graph, root.data(), i, [&](GcnRows const& rows) {
                                kernels().scatter(rows, dy.data + i * channels, channels, du);
                            });
                        if (of_weights) weights.add(begin, end);
                        if (args.dbias.empty()) return;
                        double* const sum = sums.data() + item * channels;
                        std::fill_n(sum, channels, 0.0);
                        for (std::int32_t i = begin; i < end; ++i)
                            add_row(dy.data + i * channels, channels, sum);
                    });
    if (args.dbias.empty()) return;
    auto* const dbias = static_cast<float*>(args.dbias.data);
    for (std::int64_t c = 0; c < channels; ++c) {
        double sum = 0;
        for (std::int64_t item = 0; item < items; ++item)
            sum += sums.data()[item * channels + c];
        dbias[c] += static_cast<float>(sum);
    }
}
}  // namespace calofuse::cpu
