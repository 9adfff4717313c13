#include <algorithm>

#include "kernels/graph/readout.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kGraphsPerItem = 64;

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

void largest_row(float const* x,
                 std::int64_t begin,
                 std::int64_t end,
                 std::int64_t features,
                 float* y,
                 std::int32_t* largest)
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
        std::int64_t const end = graphs.end(b);
        float* out = y.data + b * y.shape[1] + args.column;
        std::fill_n(out, features, 0.0F);
        if (args.kind == ReadoutKind::max)
            return largest_row(x, begin, end, features, out, largest + b * features);
        for (std::int64_t i = begin; i < end; ++i)
            for (std::int64_t c = 0; c < features; ++c)
                out[c] += x[i * features + c];
        if (args.kind == ReadoutKind::sum || begin == end) return;
        float const scale = 1.0F / static_cast<float>(end - begin);
        for (std::int64_t c = 0; c < features; ++c)
            out[c] *= scale;
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
        std::int64_t const end = graphs.end(b);
        float const* in = dy.data + b * dy.shape[1] + args.column;
        if (args.kind == ReadoutKind::max) {
            for (std::int64_t c = 0; begin < end && c < features; ++c)
                dx[largest[b * features + c] * features + c] += in[c];
            return;
        }
        float const scale =
            args.kind == ReadoutKind::mean ? 1.0F / static_cast<float>(end - begin) : 1.0F;
        for (std::int64_t i = begin; i < end; ++i)
            for (std::int64_t c = 0; c < features; ++c)
                dx[i * features + c] += scale * in[c];
    };
    parallel_chunks(ctx, dy.shape[0], kGraphsPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        for (std::int64_t b = begin; b < end; ++b)
                            run_graph(b);
                    });
}
}  // namespace calofuse::cpu
