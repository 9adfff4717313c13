#include <omp.h>

#include "kernels/dense/linear/simd.hpp"
#include "kernels/dense/linear/tile.hpp"
#include "kernels/ragged.hpp"
#include "runtime/isa.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kRowsPerItem = 96;    // of y and dx: their panel stays in the L1 cache
constexpr std::int64_t kRowsPerChunk = 128;  // of x and dy that a weight gradient takes at a time
constexpr std::int64_t kRowsPerSum = 512;    // of dy: each partial bias gradient
constexpr std::int64_t kMaxWidth = 32;

LinearKernels const& kernels()
{
    return cpu_isa() == Isa::avx512 ? avx512::linear_kernels : avx2::linear_kernels;
}

/// A matrix of `columns` columns cut into panels: packed[panel][row][j], zeros past the last column.
struct Panels {
    std::int64_t columns, padded, width;

    explicit Panels(std::int64_t c)
        : columns(c)
        , padded((c + 15) / 16 * 16)
        , width(kernels().panel_width(static_cast<int>(padded)))
    {}
    /// f(first column, columns of the panel that exist)
    template <class F>
    void each(F&& f) const
    {
        for (std::int64_t column = 0; column < padded; column += width)
            f(column, std::min(width, columns - column));
    }
    /// Rows [begin, end) of a matrix of `rows` rows; `at(row, column)`.
    template <class At>
    void pack(std::int64_t rows, std::int64_t begin, std::int64_t end, float* packed, At&& at) const
    {
        each([&](std::int64_t column, std::int64_t exist) {
            for (std::int64_t r = begin; r < end; ++r) {
                float* const out = packed + column * rows + r * width;
                for (std::int64_t j = 0; j < exist; ++j)
                    out[j] = at(r, column + j);
                std::fill(out + exist, out + width, 0.0F);
            }
        });
    }
};

/// out (rows, `columns` of rows `out_stride` apart) += tile (rows, width)
void add_tile(float const* __restrict tile,
              std::int64_t rows,
              std::int64_t width,
              std::int64_t columns,
              float* __restrict out,
              std::int64_t out_stride)
{
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t j = 0; j < columns; ++j)
            out[r * out_stride + j] += tile[r * width + j];
}

/// The product of a panel of which only the first `exist` columns are stored.
void multiply(LinearPanel panel, std::int64_t exist)
{
    if (exist == panel.width) return kernels().multiply(panel);
    alignas(64) float tile[kRowsPerItem * kMaxWidth];
    float* const out = panel.c;
    std::int64_t const out_stride = panel.ldc;
    float const* const bias = panel.bias;
    bool const add = panel.accumulate;
    panel.c = tile;
    panel.ldc = panel.width;
    panel.bias = nullptr;
    panel.accumulate = false;
    kernels().multiply(panel);
    if (!add)
        for (std::int64_t r = 0; r < panel.rows; ++r)
            for (std::int64_t j = 0; j < exist; ++j)
                out[r * out_stride + j] = bias == nullptr ? 0.0F : bias[j];
    add_tile(tile, panel.rows, panel.width, exist, out, out_stride);
}

using Group = LinearGroup;

struct Layout : LinearLayout {
    std::int64_t rows;

    Layout(LinearGroups const& groups,
           TensorRef const& row_ptr,
           TensorRef const& x,
           TensorRef const& y)
        : LinearLayout(groups, y), rows(ragged_rows(row_ptr, x.shape[0]))
    {}
    Group const& first_of_set(int s) const
    {
        std::size_t g = 0;
        while (set[g] != s)
            ++g;
        return group[g];
    }
};

/// f(group, first row, end row) over groups and blocks of rows.
template <class F>
void each_row_block(Context& ctx, Layout const& at, std::int64_t size, F&& f)
{
    std::int64_t const blocks = (at.rows + size - 1) / size;
    parallel_for(ctx, blocks * at.num_groups, [&](std::int64_t item) {
        std::int64_t const begin = item / at.num_groups * size;
        f(static_cast<std::size_t>(item % at.num_groups), begin, std::min(begin + size, at.rows));
    });
}

/// dx += dy w^T
void add_input_gradient(Context& ctx, Layout const& at, LinearGradArgs const& args)
{
    auto const w = args.w.flat<float const>();
    auto const dy = args.dy.view<float const, 2>();
    auto const dx = args.dx.view<float, 2>();
    std::array<std::int64_t, kMaxLinearGroups + 1> packed_begin = {};
    for (int s = 0; s < at.num_sets; ++s) {
        auto const i = static_cast<std::size_t>(s);
        packed_begin[i + 1] =
            packed_begin[i] + Panels(at.first_of_set(s).width).padded * at.outputs;
    }
    auto const packed = ctx.scratch<float>(packed_begin[static_cast<std::size_t>(at.num_sets)]);
    parallel_for(ctx, at.num_sets, [&](std::int64_t s) {
        Group const& group = at.first_of_set(static_cast<int>(s));
        Panels(group.width)
            .pack(at.outputs, 0, at.outputs,
                  packed.data() + packed_begin[static_cast<std::size_t>(s)],
                  [&](std::int64_t o, std::int64_t i) {
                      return w[group.w_begin + i * at.outputs + o];
                  });
    });
    each_row_block(ctx, at, kRowsPerItem, [&](std::size_t g, std::int64_t begin, std::int64_t end) {
        Group const& group = at.group[g];
        Panels const panels(group.width);
        float const* const b = packed.data() + packed_begin[static_cast<std::size_t>(at.set[g])];
        panels.each([&](std::int64_t column, std::int64_t exist) {
            multiply({.a = dy.data + begin * dy.shape[1] + group.out_begin,
                      .b = b + column * at.outputs,
                      .c = dx.data + begin * dx.shape[1] + group.in_begin + column,
                      .bias = nullptr,
                      .row_stride = dy.shape[1],
                      .depth_stride = 1,
                      .ldb = panels.width,
                      .ldc = dx.shape[1],
                      .rows = static_cast<int>(end - begin),
                      .depth = static_cast<int>(at.outputs),
                      .width = static_cast<int>(panels.width),
                      .accumulate = true},
                     exist);
        });
    });
}

/// db += column sums of dy: one float sum a block of rows, their sum in double.
void add_bias_gradient(Context& ctx, Layout const& at, LinearGradArgs const& args)
{
    auto const dy = args.dy.view<float const, 2>();
    std::int64_t const columns = dy.shape[1];
    std::int64_t const blocks = (at.rows + kRowsPerSum - 1) / kRowsPerSum;
    auto const sums = ctx.scratch<float>(blocks * columns);
    parallel_chunks(ctx, at.rows, kRowsPerSum, [&](std::int64_t begin, std::int64_t end, auto i) {
        float* const sum = sums.data() + i * columns;
        std::fill_n(sum, columns, 0.0F);
        kernels().add_column_sums(dy.data + begin * columns, end - begin, columns, columns, sum);
    });
    auto const db = args.db.flat<float>();
    for (std::size_t g = 0; g < static_cast<std::size_t>(at.num_groups); ++g)
        for (std::int64_t o = 0; o < at.outputs; ++o) {
            double sum = 0;
            for (std::int64_t block = 0; block < blocks; ++block)
                sum +=
                    static_cast<double>(sums.data()[block * columns + at.group[g].out_begin + o]);
            db[at.group[g].b_begin + o] += static_cast<float>(sum);
        }
}

/// Inputs of a set that one item of the weight gradient takes: few where there are few in all.
std::int64_t inputs_per_item(Layout const& at)
{
    std::int64_t items = 0;
    for (int s = 0; s < at.num_sets; ++s)
        items += (at.first_of_set(s).width + 63) / 64;
    return items >= 8 ? 64 : 32;
}

/// Rows [first, first + count) of dw of a set: all groups and rows of the batch, in order.
void add_weight_gradient_rows(Layout const& at,
                              LinearGradArgs const& args,
                              int set,
                              std::int64_t first,
                              std::int64_t count,
                              float* sums)
{
    alignas(64) float x_chunk[kRowsPerChunk * 64];
    alignas(64) float dy_chunk[kRowsPerChunk * kMaxWidth];
    auto const x = args.x.view<float const, 2>();
    auto const dy = args.dy.view<float const, 2>();
    Panels const panels(at.outputs);
    std::fill_n(sums, count * panels.padded, 0.0F);
    for (std::size_t g = 0; g < static_cast<std::size_t>(at.num_groups); ++g) {
        if (at.set[g] != set) continue;
        for (std::int64_t n = 0; n < at.rows; n += kRowsPerChunk) {
            std::int64_t const rows = std::min(kRowsPerChunk, at.rows - n);
            for (std::int64_t r = 0; r < rows; ++r)
                std::copy_n(x.data + (n + r) * x.shape[1] + at.group[g].in_begin + first, count,
                            x_chunk + r * count);
            panels.each([&](std::int64_t column, std::int64_t exist) {
                // A panel that ends past the last column is copied, with zeros to its end.
                float const* b = dy.data + n * dy.shape[1] + at.group[g].out_begin + column;
                std::int64_t ldb = dy.shape[1];
                if (exist < panels.width) {
                    std::fill_n(dy_chunk, rows * panels.width, 0.0F);
                    for (std::int64_t r = 0; r < rows; ++r)
                        std::copy_n(b + r * ldb, exist, dy_chunk + r * panels.width);
                    b = dy_chunk;
                    ldb = panels.width;
                }
                kernels().multiply({.a = x_chunk,
                                    .b = b,
                                    .c = sums + column * count,
                                    .bias = nullptr,
                                    .row_stride = 1,
                                    .depth_stride = count,
                                    .ldb = ldb,
                                    .ldc = panels.width,
                                    .rows = static_cast<int>(count),
                                    .depth = static_cast<int>(rows),
                                    .width = static_cast<int>(panels.width),
                                    .accumulate = true});
            });
        }
    }
    float* const dw =
        args.dw.flat<float>().data + at.first_of_set(set).w_begin + first * at.outputs;
    panels.each([&](std::int64_t column, std::int64_t exist) {
        add_tile(sums + column * count, count, panels.width, exist, dw + column, at.outputs);
    });
}
}  // namespace

void linear_forward(Context& ctx, LinearArgs const& args)
{
    Layout const at(args.groups, args.row_ptr, args.x, args.y);
    auto const x = args.x.view<float const, 2>();
    auto const y = args.y.view<float, 2>();
    auto const w = args.w.flat<float const>();
    Panels const panels(at.outputs);
    std::int64_t const inputs = w.size() / at.outputs;  // of all sets
    auto const packed = ctx.scratch<float>(inputs * panels.padded);
    parallel_for(ctx, at.num_sets, [&](std::int64_t s) {
        Group const& group = at.first_of_set(static_cast<int>(s));
        panels.pack(
            group.width, 0, group.width, packed.data() + group.w_begin / at.outputs * panels.padded,
            [&](std::int64_t i, std::int64_t o) { return w[group.w_begin + i * at.outputs + o]; });
    });
    float const* const bias = args.b.empty() ? nullptr : args.b.flat<float const>().data;
    each_row_block(ctx, at, kRowsPerItem, [&](std::size_t g, std::int64_t begin, std::int64_t end) {
        Group const& group = at.group[g];
        float const* const b = packed.data() + group.w_begin / at.outputs * panels.padded;
        panels.each([&](std::int64_t column, std::int64_t exist) {
            multiply({.a = x.data + begin * x.shape[1] + group.in_begin,
                      .b = b + column * group.width,
                      .c = y.data + begin * y.shape[1] + group.out_begin + column,
                      .bias = bias == nullptr ? nullptr : bias + group.b_begin + column,
                      .row_stride = x.shape[1],
                      .depth_stride = 1,
                      .ldb = panels.width,
                      .ldc = y.shape[1],
                      .rows = static_cast<int>(end - begin),
                      .depth = static_cast<int>(group.width),
                      .width = static_cast<int>(panels.width),
                      .accumulate = false},
                     exist);
        });
    });
}

void linear_backward(Context& ctx, LinearGradArgs const& args)
{
    Layout const at(args.groups, args.row_ptr, args.x, args.dy);
    if (!args.dx.empty()) add_input_gradient(ctx, at, args);
    if (!args.db.empty()) add_bias_gradient(ctx, at, args);
    Panels const panels(at.outputs);
    std::int64_t const size = inputs_per_item(at);
    std::array<std::int64_t, kMaxLinearGroups + 1> first_item = {};
    for (int s = 0; s < at.num_sets; ++s) {
        auto const i = static_cast<std::size_t>(s);
        first_item[i + 1] = first_item[i] + (at.first_of_set(s).width + size - 1) / size;
    }
    auto const sums = ctx.scratch<float>(ctx.threads() * size * panels.padded);
    parallel_for(ctx, first_item[static_cast<std::size_t>(at.num_sets)], [&](std::int64_t item) {
        int set = 0;
        while (first_item[static_cast<std::size_t>(set) + 1] <= item)
            ++set;
        std::int64_t const first = (item - first_item[static_cast<std::size_t>(set)]) * size;
        add_weight_gradient_rows(at, args, set, first,
                                 std::min(size, at.first_of_set(set).width - first),
                                 sums.data() + omp_get_thread_num() * size * panels.padded);
    });
}
}  // namespace calofuse::cpu
