// Every product of a dense layer is a gemm.
#include "kernels/common/column_sums.hpp"
#include "kernels/common/gemm.hpp"
#include "kernels/common/launch.cuh"
#include "kernels/dense/linear_tile.hpp"

namespace calofuse::cuda {
namespace {
std::int32_t const* num_rows(TensorRef const& row_ptr)
{
    if (row_ptr.empty()) return nullptr;
    auto const ptr = row_ptr.view<std::int32_t const, 1>();
    return ptr.data + ptr.size() - 1;
}

/// db += column sums of dy, over the groups of a set and then the blocks of rows, in order.
void add_bias_gradient(Context& ctx, LinearLayout const& at, LinearGradArgs const& args)
{
    auto const dy = args.dy.view<float const, 2>();
    auto const db = args.db.flat<float>();
    std::int64_t const blocks = column_sum_blocks(dy.shape[0]);
    auto const sums = ctx.scratch<float>(blocks * dy.shape[1]);
    column_sums(ctx, dy, num_rows(args.row_ptr), sums.data());
    std::uint64_t set_of_group = 0;  // 4 bits each
    static_assert(kMaxLinearGroups <= 16);
    for (int g = 0; g < at.num_groups; ++g)
        set_of_group |= static_cast<std::uint64_t>(at.set[static_cast<std::size_t>(g)]) << (4 * g);
    for_each(ctx, "linear_bias_gradient", db.size(),
             [db, blocks, set_of_group, part = sums.data(), outputs = at.outputs,
              num_groups = at.num_groups] __device__(std::int64_t i) {
                 double sum = 0;
                 for (int g = 0; g < num_groups; ++g) {
                     if (static_cast<int>(set_of_group >> (4 * g) & 15U) != i / outputs) continue;
                     for (std::int64_t b = 0; b < blocks; ++b)
                         sum += double{part[(b * num_groups + g) * outputs + i % outputs]};
                 }
                 db[i] += static_cast<float>(sum);
             });
}

/// f(group, its product) for every group.
template <class F>
void each_product(LinearLayout const& at, GemmArgs& gemm, F&& f)
{
    gemm.count = at.num_groups;
    for (std::size_t g = 0; g < static_cast<std::size_t>(at.num_groups); ++g)
        f(at.group[g], gemm.product[g]);
}
}  // namespace

void linear(Context& ctx, LinearArgs const& args)
{
    LinearLayout const at(args.groups, args.y);
    auto const x = args.x.view<float const, 2>();
    auto const w = args.w.flat<float const>();
    auto const y = args.y.view<float, 2>();
    float const* const bias = args.b.empty() ? nullptr : args.b.flat<float const>().data;
    GemmArgs forward{.a_stride = x.shape[1],
                     .b_stride = at.outputs,
                     .c_stride = y.shape[1],
                     .rows = num_rows(args.row_ptr)};
    each_product(at, forward, [&](LinearGroup const& group, Product& p) {
        p = {.a = x.data + group.in_begin,
             .b = w.data + group.w_begin,
             .bias = bias == nullptr ? nullptr : bias + group.b_begin,
             .c = y.data + group.out_begin,
             .m = x.shape[0],
             .n = at.outputs,
             .k = group.width};
    });
    gemm(ctx, forward);
}

void linear_backward(Context& ctx, LinearGradArgs const& args)
{
    LinearLayout const at(args.groups, args.dy);
    auto const x = args.x.view<float const, 2>(), dy = args.dy.view<float const, 2>();
    auto const w = args.w.flat<float const>();
    std::int32_t const* const rows = num_rows(args.row_ptr);
    if (!args.dx.empty()) {
        GemmArgs data{.b_order = Order::columns,
                      .a_stride = dy.shape[1],
                      .b_stride = at.outputs,
                      .c_stride = x.shape[1],
                      .write = GemmWrite::add,
                      .rows = rows};
        each_product(at, data, [&](LinearGroup const& group, Product& p) {
            p = {.a = dy.data + group.out_begin,
                 .b = w.data + group.w_begin,
                 .c = args.dx.view<float, 2>().data + group.in_begin,
                 .m = x.shape[0],
                 .n = group.width,
                 .k = at.outputs};
        });
        gemm(ctx, data);
    }
    GemmArgs weights{.a_order = Order::columns,
                     .a_stride = x.shape[1],
                     .b_stride = dy.shape[1],
                     .c_stride = at.outputs,
                     .write = GemmWrite::add,
                     .part = gemm_part(x.shape[0]),
                     .depth = rows};
    each_product(at, weights, [&](LinearGroup const& group, Product& p) {
        p = {.a = x.data + group.in_begin,
             .b = dy.data + group.out_begin,
             .c = args.dw.flat<float>().data + group.w_begin,
             .m = group.width,
             .n = at.outputs,
             .k = x.shape[0]};
    });
    gemm(ctx, weights);
    if (!args.db.empty()) add_bias_gradient(ctx, at, args);
}
}  // namespace calofuse::cuda
