#include <algorithm>
#include <cmath>

#include "kernels/graph/readout.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kGraphsPerItem = 16;

/// Where the rows of each graph are.
struct Graphs {
    std::int32_t const* row_ptr;  ///< null: `nodes` rows each
    std::int64_t nodes;

    std::int64_t begin(std::int64_t b) const { return row_ptr != nullptr ? row_ptr[b] : b * nodes; }
    std::int64_t end(std::int64_t b) const { return begin(b + 1); }
};

Graphs graphs_of(TensorRef const& x, TensorRef const& row_ptr)
{
    return {static_cast<std::int32_t const*>(row_ptr.data), x.rank == 3 ? x.shape[1] : 0};
}

/// Columns of y that a graph fills; null where the kind has none of them.
template <class T>
struct Parts {
    T* sum;  ///< mean, sum and log_sum
    T* max;
    T* log_sum;  ///< next to the mean

    Parts(T* y, ReadoutKind kind, std::int64_t features)
        : sum(kind == ReadoutKind::max ? nullptr : y)
        , max(kind == ReadoutKind::max                ? y
              : kind == ReadoutKind::mean_max_log_sum ? y + features
                                                      : nullptr)
        , log_sum(kind == ReadoutKind::mean_max_log_sum ? y + 2 * features : nullptr)
    {}
};

/// What the sum over `nodes` rows is multiplied with.
float scale_of(ReadoutKind kind, std::int64_t nodes)
{
    auto const n = static_cast<float>(std::max<std::int64_t>(nodes, 1));
    if (kind == ReadoutKind::sum) return 1;
    return 1.0F / (kind == ReadoutKind::log_sum ? std::log1p(n) : n);
}

void add_rows(float const* __restrict x,
              std::int64_t rows,
              std::int64_t features,
              float* __restrict y)
{
    for (std::int64_t i = 0; i < rows; ++i)
        for (std::int64_t c = 0; c < features; ++c)
            y[c] += x[i * features + c];
}

void largest_row(float const* __restrict x,
                 std::int64_t begin,
                 std::int64_t end,
                 std::int64_t features,
                 float* __restrict y,
                 std::int32_t* __restrict largest)
{
    std::fill_n(largest, features, begin < end ? static_cast<std::int32_t>(begin) : -1);
    if (begin < end) std::copy_n(x + begin * features, features, y);
    for (std::int64_t i = begin + 1; i < end; ++i) {
        float const* row = x + i * features;
        for (std::int64_t c = 0; c < features; ++c) {
            largest[c] = row[c] > y[c] ? static_cast<std::int32_t>(i) : largest[c];
            y[c] = row[c] > y[c] ? row[c] : y[c];
        }
    }
}

/// Each of `rows` rows of dx += scale * dy + log_scale * log_dy (which may be null).
void spread(float const* __restrict dy,
            float scale,
            float const* __restrict log_dy,
            float log_scale,
            std::int64_t rows,
            std::int64_t features,
            float* __restrict dx)
{
    for (std::int64_t i = 0; i < rows; ++i) {
        float* const out = dx + i * features;
        if (log_dy == nullptr)
            for (std::int64_t c = 0; c < features; ++c)
                out[c] += scale * dy[c];
        else
            for (std::int64_t c = 0; c < features; ++c)
                out[c] += scale * dy[c] + log_scale * log_dy[c];
    }
}
}  // namespace

void readout_forward(Context& ctx, ReadoutArgs const& args)
{
    auto const* x = static_cast<float const*>(args.x.data);
    auto const y = args.y.view<float, 2>();
    auto* largest = static_cast<std::int32_t*>(args.largest.data);
    std::int64_t const features = args.x.shape[static_cast<std::size_t>(args.x.rank - 1)];
    Graphs const graphs = graphs_of(args.x, args.row_ptr);

    auto const run_graph = [&](std::int64_t b) {
        std::int64_t const begin = graphs.begin(b);
        std::int64_t const nodes = graphs.end(b) - begin;
        float* const out = y.data + b * y.shape[1] + args.column;
        std::fill_n(out, readout_width(args.kind, features), 0.0F);
        Parts<float> const parts(out, args.kind, features);
        if (parts.max != nullptr)
            largest_row(x, begin, begin + nodes, features, parts.max, largest + b * features);
        if (parts.sum == nullptr) return;
        add_rows(x + begin * features, nodes, features, parts.sum);
        float const log_scale = scale_of(ReadoutKind::log_sum, nodes);
        if (parts.log_sum != nullptr)
            for (std::int64_t c = 0; c < features; ++c)
                parts.log_sum[c] = parts.sum[c] * log_scale;
        float const scale = scale_of(args.kind, nodes);
        for (std::int64_t c = 0; c < features; ++c)
            parts.sum[c] *= scale;
    };
    parallel_chunks(ctx, y.shape[0], kGraphsPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        for (std::int64_t b = begin; b < end; ++b)
                            run_graph(b);
                    });
}

void readout_backward(Context& ctx, ReadoutGradArgs const& args)
{
    auto* dx = static_cast<float*>(args.dx.data);
    auto const dy = args.dy.view<float const, 2>();
    auto const* largest = static_cast<std::int32_t const*>(args.largest.data);
    std::int64_t const features = args.dx.shape[static_cast<std::size_t>(args.dx.rank - 1)];
    Graphs const graphs = graphs_of(args.dx, args.row_ptr);

    auto const run_graph = [&](std::int64_t b) {
        std::int64_t const begin = graphs.begin(b);
        std::int64_t const nodes = graphs.end(b) - begin;
        if (nodes == 0) return;
        Parts<float const> const parts(dy.data + b * dy.shape[1] + args.column, args.kind,
                                       features);
        if (parts.sum != nullptr)
            spread(parts.sum, scale_of(args.kind, nodes), parts.log_sum,
                   scale_of(ReadoutKind::log_sum, nodes), nodes, features, dx + begin * features);
        if (parts.max == nullptr) return;
        for (std::int64_t c = 0; c < features; ++c)
            dx[largest[b * features + c] * features + c] += parts.max[c];
    };
    parallel_chunks(ctx, dy.shape[0], kGraphsPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        for (std::int64_t b = begin; b < end; ++b)
                            run_graph(b);
                    });
}
}  // namespace calofuse::cpu
