#include <algorithm>

#include "kernels/dense/linear.hpp"
#include "kernels/dense/linear_simd.hpp"
#include "runtime/isa.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
/// Where a group's columns and weights begin.
struct Group {
    std::int64_t width = 0, in_begin = 0, w_begin = 0, b_begin = 0, out_begin = 0;
};

Group group_at(LinearGroups const& groups, int g, std::int64_t outputs)
{
    Group out;
    out.width = groups.width[static_cast<std::size_t>(g)];
    out.out_begin = g * outputs;
    std::int32_t const set = groups.set[static_cast<std::size_t>(g)];
    out.b_begin = set * outputs;
    std::array<std::int64_t, kMaxLinearGroups> width_of_set = {};
    for (std::size_t h = 0; h < static_cast<std::size_t>(groups.count); ++h) {
        if (static_cast<int>(h) < g) out.in_begin += groups.width[h];
        width_of_set[static_cast<std::size_t>(groups.set[h])] = groups.width[h];
    }
    for (std::size_t s = 0; s < static_cast<std::size_t>(set); ++s)
        out.w_begin += width_of_set[s] * outputs;
    return out;
}
/// Rows of a work item, and inputs of a work item of the weight gradient. Fixed: they decide the
/// order of sums, the number of threads does not.
constexpr std::int64_t kRowBlock = 128;
constexpr std::int64_t kInputBlock = 56;  // 4 blocks of 14 rows of the micro kernel

void multiply_add(LinearProduct const& p)
{
    if (cpu_isa() == Isa::avx512)
        avx512::multiply_add(p);
    else
        avx2::multiply_add(p);
}

/// (rows, columns) -> (columns, rows).
void transpose(float const* from, std::int64_t rows, std::int64_t columns, float* to)
{
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < columns; ++c)
            to[c * rows + r] = from[r * columns + c];
}

void input_gradient(Context& ctx, LinearGradArgs const& args, std::int64_t outputs)
{
    auto const dy = args.dy.view<float const, 2>();
    auto const w = args.w.flat<float const>();
    auto const dx = args.dx.view<float, 2>();
    auto const transposed = ctx.scratch<float>(w.size());
    parallel_for(ctx, args.groups.count, [&](std::int64_t g) {
        // Groups that share a set write the same values.
        Group const at = group_at(args.groups, static_cast<int>(g), outputs);
        bool first = true;
        for (std::size_t h = 0; h < static_cast<std::size_t>(g); ++h)
            first = first && args.groups.set[h] != args.groups.set[static_cast<std::size_t>(g)];
        if (first) transpose(&w[at.w_begin], at.width, outputs, transposed.data() + at.w_begin);
    });
    std::int64_t const blocks = (dx.shape[0] + kRowBlock - 1) / kRowBlock;
    parallel_for(ctx, blocks * args.groups.count, [&](std::int64_t item) {
        Group const at = group_at(args.groups, static_cast<int>(item / blocks), outputs);
        std::int64_t const begin = item % blocks * kRowBlock;
        multiply_add({.a = &dy(begin, at.out_begin),
                      .row_stride = dy.shape[1],
                      .depth_stride = 1,
                      .b = transposed.data() + at.w_begin,
                      .ldb = at.width,
                      .c = &dx(begin, at.in_begin),
                      .ldc = dx.shape[1],
                      .rows = std::min(kRowBlock, dx.shape[0] - begin),
                      .depth = outputs,
                      .columns = at.width});
    });
}

/// The inputs begin .. begin + count of all groups that use one weight set, groups in order.
void weight_gradient(LinearGradArgs const& args,
                     std::int64_t outputs,
                     std::int32_t set,
                     std::int64_t begin,
                     std::int64_t count)
{
    auto const x = args.x.view<float const, 2>();
    auto const dy = args.dy.view<float const, 2>();
    auto const dw = args.dw.flat<float>();
    for (int g = 0; g < args.groups.count; ++g) {
        if (args.groups.set[static_cast<std::size_t>(g)] != set) continue;
        Group const at = group_at(args.groups, g, outputs);
        multiply_add({.a = &x(0, at.in_begin + begin),
                      .row_stride = 1,
                      .depth_stride = x.shape[1],
                      .b = &dy(0, at.out_begin),
                      .ldb = dy.shape[1],
                      .c = &dw[at.w_begin + begin * outputs],
                      .ldc = outputs,
                      .rows = count,
                      .depth = x.shape[0],
                      .columns = outputs});
        if (args.db.empty() || begin > 0) continue;
        auto const db = args.db.flat<float>();
        for (std::int64_t n = 0; n < dy.shape[0]; ++n)
            for (std::int64_t o = 0; o < outputs; ++o)
                db[at.b_begin + o] += dy(n, at.out_begin + o);
    }
}
}  // namespace

void linear(Context& ctx, LinearArgs const& args)
{
    auto const x = args.x.view<float const, 2>();
    auto const y = args.y.view<float, 2>();
    auto const w = args.w.flat<float const>();
    std::int64_t const outputs = y.shape[1] / args.groups.count;
    std::int64_t const blocks = (x.shape[0] + kRowBlock - 1) / kRowBlock;
    parallel_for(ctx, blocks * args.groups.count, [&](std::int64_t item) {
        Group const at = group_at(args.groups, static_cast<int>(item / blocks), outputs);
        std::int64_t const begin = item % blocks * kRowBlock;
        std::int64_t const rows = std::min(kRowBlock, x.shape[0] - begin);
        for (std::int64_t n = begin; n < begin + rows; ++n)
            for (std::int64_t o = 0; o < outputs; ++o)
                y(n, at.out_begin + o) =
                    args.b.empty() ? 0.0F : static_cast<float const*>(args.b.data)[at.b_begin + o];
        multiply_add({.a = &x(begin, at.in_begin),
                      .row_stride = x.shape[1],
                      .depth_stride = 1,
                      .b = &w[at.w_begin],
                      .ldb = outputs,
                      .c = &y(begin, at.out_begin),
                      .ldc = y.shape[1],
                      .rows = rows,
                      .depth = at.width,
                      .columns = outputs});
    });
}

void linear_backward(Context& ctx, LinearGradArgs const& args)
{
    std::int64_t const outputs = args.dy.shape[1] / args.groups.count;
    if (args.x.shape[0] == 0) return;
    // One item = one block of inputs of one weight set: no two items write the same weight.
    std::array<std::int64_t, kMaxLinearGroups + 1> first_item = {};
    for (std::int32_t set = 0; set < kMaxLinearGroups; ++set) {
        std::int64_t width = 0;
        for (std::size_t g = 0; g < static_cast<std::size_t>(args.groups.count); ++g)
            if (args.groups.set[g] == set) width = args.groups.width[g];
        auto const s = static_cast<std::size_t>(set);
        first_item[s + 1] = first_item[s] + (width + kInputBlock - 1) / kInputBlock;
    }
    parallel_for(ctx, first_item[kMaxLinearGroups], [&](std::int64_t item) {
        auto const after = std::upper_bound(first_item.begin(), first_item.end(), item);
        auto const set = static_cast<std::int32_t>(after - first_item.begin() - 1);
        std::int64_t width = 0;
        for (std::size_t g = 0; g < static_cast<std::size_t>(args.groups.count); ++g)
            if (args.groups.set[g] == set) width = args.groups.width[g];
        std::int64_t const begin = (item - first_item[static_cast<std::size_t>(set)]) * kInputBlock;
        weight_gradient(args, outputs, set, begin, std::min(kInputBlock, width - begin));
    });
    if (!args.dx.empty()) input_gradient(ctx, args, outputs);
}
}  // namespace calofuse::cpu
