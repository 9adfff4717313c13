#include <omp.h>

#include "kernels/dense/linear.hpp"
#include "kernels/dense/linear_simd.hpp"
#include "runtime/isa.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kRowsPerItem = 96;      // of y and dx: their panel stays in the L1 cache
constexpr std::int64_t kRowsPerChunk = 128;    // of x and dy that a weight gradient takes at a time
constexpr std::int64_t kRowsPerPacking = 512;  // of dy, and of each partial bias gradient
constexpr std::int64_t kMaxWidth = 32;
constexpr float kZeros[kMaxWidth] = {};

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

/// out (rows, `columns` of rows `out_stride` apart) = tile (rows, width) + bias
void store_with_bias(float const* __restrict tile,
                     std::int64_t rows,
                     std::int64_t width,
                     std::int64_t columns,
                     float const* __restrict bias,
                     float* __restrict out,
                     std::int64_t out_stride)
{
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t j = 0; j < columns; ++j)
            out[r * out_stride + j] = tile[r * width + j] + bias[j];
}

/// out += tile, shapes as above
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

/// Where a group's columns and weights begin.
struct Group {
    std::int64_t width = 0, in_begin = 0, w_begin = 0, b_begin = 0, out_begin = 0;
};

struct Layout {
    std::int64_t rows, outputs;
    int num_groups, num_sets = 0;
    std::array<Group, kMaxLinearGroups> group;
    std::array<int, kMaxLinearGroups> set;

    Layout(LinearGroups const& groups, TensorRef const& x, TensorRef const& y)
        : rows(x.shape[0]), outputs(y.shape[1] / groups.count), num_groups(groups.count)
    {
        std::array<std::int64_t, kMaxLinearGroups> width_of_set = {};
        for (std::size_t g = 0; g < static_cast<std::size_t>(num_groups); ++g) {
            set[g] = groups.set[g];
            width_of_set[static_cast<std::size_t>(set[g])] = groups.width[g];
            num_sets = std::max(num_sets, set[g] + 1);
        }
        std::int64_t in_begin = 0;
        for (std::size_t g = 0; g < static_cast<std::size_t>(num_groups); ++g) {
            group[g] = {.width = groups.width[g],
                        .in_begin = in_begin,
                        .b_begin = set[g] * outputs,
                        .out_begin = static_cast<std::int64_t>(g) * outputs};
            in_begin += groups.width[g];
            for (int s = 0; s < set[g]; ++s)
                group[g].w_begin += width_of_set[static_cast<std::size_t>(s)] * outputs;
        }
    }
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
        alignas(64) float tile[kRowsPerItem * kMaxWidth];
        Group const& group = at.group[g];
        Panels const panels(group.width);
        float const* const b = packed.data() + packed_begin[static_cast<std::size_t>(at.set[g])];
        panels.each([&](std::int64_t column, std::int64_t exist) {
            kernels().multiply({.a = dy.data + begin * dy.shape[1] + group.out_begin,
                                .b = b + column * at.outputs,
                                .c = tile,
                                .row_stride = dy.shape[1],
                                .depth_stride = 1,
                                .rows = static_cast<int>(end - begin),
                                .depth = static_cast<int>(at.outputs),
                                .width = static_cast<int>(panels.width),
                                .accumulate = false});
            add_tile(tile, end - begin, panels.width, exist,
                     dx.data + begin * dx.shape[1] + group.in_begin + column, dx.shape[1]);
        });
    });
}

/// dy in panels, group after group, and db += its column sums.
void pack_dy(Context& ctx, Layout const& at, LinearGradArgs const& args, float* packed)
{
    auto const dy = args.dy.view<float const, 2>();
    Panels const panels(at.outputs);
    std::int64_t const blocks = (at.rows + kRowsPerPacking - 1) / kRowsPerPacking;
    std::int64_t const columns = dy.shape[1];
    auto const sums = ctx.scratch<double>(args.db.empty() ? 0 : blocks * columns);
    each_row_block(
        ctx, at, kRowsPerPacking, [&](std::size_t g, std::int64_t begin, std::int64_t end) {
            std::int64_t const first = at.group[g].out_begin;
            panels.pack(at.rows, begin, end,
                        packed + static_cast<std::int64_t>(g) * at.rows * panels.padded,
                        [&](std::int64_t n, std::int64_t o) { return dy(n, first + o); });
            if (args.db.empty()) return;
            double* const sum = sums.data() + begin / kRowsPerPacking * columns + first;
            std::fill_n(sum, at.outputs, 0.0);
            for (std::int64_t n = begin; n < end; ++n)
                for (std::int64_t o = 0; o < at.outputs; ++o)
                    sum[o] += dy(n, first + o);
        });
    if (args.db.empty()) return;
    auto const db = args.db.flat<float>();
    for (std::size_t g = 0; g < static_cast<std::size_t>(at.num_groups); ++g)
        for (std::int64_t o = 0; o < at.outputs; ++o) {
            double sum = 0;
            for (std::int64_t block = 0; block < blocks; ++block)
                sum += sums.data()[block * columns + at.group[g].out_begin + o];
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
                              float const* packed_dy,
                              int set,
                              std::int64_t first,
                              std::int64_t count,
                              float* sums)
{
    alignas(64) float chunk[kRowsPerChunk * 64];
    auto const x = args.x.view<float const, 2>();
    Panels const panels(at.outputs);
    std::fill_n(sums, count * panels.padded, 0.0F);
    for (std::size_t g = 0; g < static_cast<std::size_t>(at.num_groups); ++g) {
        if (at.set[g] != set) continue;
        for (std::int64_t n = 0; n < at.rows; n += kRowsPerChunk) {
            std::int64_t const rows = std::min(kRowsPerChunk, at.rows - n);
            for (std::int64_t r = 0; r < rows; ++r)
                std::copy_n(x.data + (n + r) * x.shape[1] + at.group[g].in_begin + first, count,
                            chunk + r * count);
            panels.each([&](std::int64_t column, std::int64_t) {
                kernels().multiply({.a = chunk,
                                    .b = packed_dy
                                         + static_cast<std::int64_t>(g) * at.rows * panels.padded
                                         + column * at.rows + n * panels.width,
                                    .c = sums + column * count,
                                    .row_stride = 1,
                                    .depth_stride = count,
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

void linear(Context& ctx, LinearArgs const& args)
{
    Layout const at(args.groups, args.x, args.y);
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
        alignas(64) float tile[kRowsPerItem * kMaxWidth];
        Group const& group = at.group[g];
        float const* const b = packed.data() + group.w_begin / at.outputs * panels.padded;
        panels.each([&](std::int64_t column, std::int64_t exist) {
            kernels().multiply({.a = x.data + begin * x.shape[1] + group.in_begin,
                                .b = b + column * group.width,
                                .c = tile,
                                .row_stride = x.shape[1],
                                .depth_stride = 1,
                                .rows = static_cast<int>(end - begin),
                                .depth = static_cast<int>(group.width),
                                .width = static_cast<int>(panels.width),
                                .accumulate = false});
            store_with_bias(tile, end - begin, panels.width, exist,
                            bias == nullptr ? kZeros : bias + group.b_begin + column,
                            y.data + begin * y.shape[1] + group.out_begin + column, y.shape[1]);
        });
    });
}

void linear_backward(Context& ctx, LinearGradArgs const& args)
{
    Layout const at(args.groups, args.x, args.dy);
    if (!args.dx.empty()) add_input_gradient(ctx, at, args);
    Panels const panels(at.outputs);
    auto const packed = ctx.scratch<float>(at.num_groups * at.rows * panels.padded);
    pack_dy(ctx, at, args, packed.data());
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
        add_weight_gradient_rows(at, args, packed.data(), set, first,
                                 std::min(size, at.first_of_set(set).width - first),
                                 sums.data() + omp_get_thread_num() * size * panels.padded);
    });
}
}  // namespace calofuse::cpu
