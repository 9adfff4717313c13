// Every product of a dense layer is a gemm.
#include "kernels/dense/linear/tile.hpp"
#include "kernels/device/columns.cuh"
#include "kernels/device/nodes.cuh"
#include "kernels/gemm/gemm.hpp"

namespace calofuse::cuda {
namespace {
/// dy of a row for one bias: of the groups whose set it belongs to, in order.
struct BiasTerm {
    float const* dy;
    std::int64_t outputs;
    int num_groups;
    std::uint64_t set_of_group;  ///< 4 bits each

    __device__ double operator()(std::int64_t row, std::int64_t bias) const
    {
        auto const set = static_cast<unsigned>(bias / outputs);
        float const* const of_row = dy + row * num_groups * outputs + bias % outputs;
        double sum = 0;
        for (int g = 0; g < num_groups; ++g)
            if ((set_of_group >> (4 * g) & 15U) == set)
                sum += static_cast<double>(of_row[g * outputs]);
        return sum;
    }
};

void add_bias_gradient(Context& ctx, LinearLayout const& at, LinearGradArgs const& args)
{
    auto const dy = args.dy.view<float const, 2>();
    auto const db = args.db.flat<float>();
    std::uint64_t set_of_group = 0;
    static_assert(kMaxLinearGroups <= 16);
    for (int g = 0; g < at.num_groups; ++g)
        set_of_group |= static_cast<std::uint64_t>(at.set[static_cast<std::size_t>(g)]) << (4 * g);
    Rows const rows(args.row_ptr, dy.shape[0]);
    column_sums(ctx, "linear_bias_gradient", Columns(rows.capacity, db.size(), rows.exist()),
                BiasTerm{dy.data, at.outputs, at.num_groups, set_of_group}, AddColumn{db.data});
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

void linear_forward(Context& ctx, LinearArgs const& args)
{
    LinearLayout const at(args.groups, args.y);
    auto const x = args.x.view<float const, 2>();
    auto const w = args.w.flat<float const>();
    auto const y = args.y.view<float, 2>();
    float const* const bias = args.b.empty() ? nullptr : args.b.flat<float const>().data;
    GemmArgs forward{.a_stride = x.shape[1],
                     .b_stride = at.outputs,
                     .c_stride = y.shape[1],
                     .rows = Rows(args.row_ptr, x.shape[0]).exist()};
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
    std::int32_t const* const rows = Rows(args.row_ptr, x.shape[0]).exist();
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
