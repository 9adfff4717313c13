#include "kernels/graph/garnet.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
struct Sizes {
    std::int64_t nodes, aggregators, graphs;
};

Sizes check_weights(TensorRef const& w, TensorRef const& row_ptr, char const* name)
{
    auto const view = w.view<float const, 2>();
    Sizes const n{view.shape[0], view.shape[1], row_ptr.shape[0] - 1};
    CALOFUSE_CHECK(n.aggregators >= 1 && n.aggregators <= kMaxAggregators,
                   n.aggregators << " aggregators (1 to " << kMaxAggregators << ")");
    CALOFUSE_CHECK(row_ptr.rank == 1 && n.graphs >= 0,
                   "row_ptr is " << row_ptr.describe() << ", wanted (B + 1) i32");
    check_tensor(w, DType::f32, {n.nodes, n.aggregators}, name);
    check_tensor(row_ptr, DType::i32, {n.graphs + 1}, "row_ptr");
    return n;
}

/// w and agg, or w and dagg.
Sizes check_collect(TensorRef const& f,
                    TensorRef const& d,
                    TensorRef const& row_ptr,
                    GarNetOptions const& options,
                    TensorRef const& w,
                    TensorRef const& agg,
                    TensorRef const& winner)
{
    Sizes const n = check_weights(d, row_ptr, "d");
    std::int64_t const features = f.view<float const, 2>().shape[1];
    bool const full = options.form == GarNetForm::full;
    CALOFUSE_CHECK(features >= 1, "f is " << f.describe());
    CALOFUSE_CHECK(options.padded_nodes >= 0, "padded_nodes is " << options.padded_nodes);
    CALOFUSE_CHECK(options.mean == GarNetMean::count || options.padded_nodes > 0,
                   "a mean over padded nodes needs padded_nodes");
    check_tensor(f, DType::f32, {n.nodes, features}, "f");
    check_like(w, d, "w", "d");
    check_tensor(agg, DType::f32,
                 {n.graphs, n.aggregators, full ? 2 * (features + n.aggregators) : features},
                 "agg");
    if (full)
        check_tensor(winner, DType::i32, {n.graphs, n.aggregators, features + n.aggregators},
                     "winner");
    return n;
}

/// y or dy.
Sizes check_spread(TensorRef const& w,
                   TensorRef const& z,
                   TensorRef const& row_ptr,
                   TensorRef const& y)
{
    Sizes const n = check_weights(w, row_ptr, "w");
    std::int64_t const outputs = z.view<float const, 3>().shape[2];
    CALOFUSE_CHECK(outputs >= 1, "z is " << z.describe());
    check_tensor(z, DType::f32, {n.graphs, n.aggregators, outputs}, "z");
    check_tensor(y, DType::f32, {n.nodes, outputs}, "y");
    return n;
}
}  // namespace

void garnet_collect(Context& ctx, GarNetCollectArgs const& args)
{
    check_collect(args.f, args.d, args.row_ptr, args.options, args.w, args.agg, args.winner);
    on_backend(
        ctx, "garnet_collect", [&] { cpu::garnet_collect(ctx, args); },
        [&] { cuda::garnet_collect(ctx, args); });
}

void garnet_collect_backward(Context& ctx, GarNetCollectGradArgs const& args)
{
    check_collect(args.f, args.d, args.row_ptr, args.options, args.w, args.dagg, args.winner);
    if (!args.dw.empty()) check_like(args.dw, args.w, "dw", "w");
    check_like(args.df, args.f, "df", "f");
    check_like(args.dd, args.d, "dd", "d");
    on_backend(
        ctx, "garnet_collect_backward", [&] { cpu::garnet_collect_backward(ctx, args); },
        [&] { cuda::garnet_collect_backward(ctx, args); });
}

void garnet_spread(Context& ctx, GarNetSpreadArgs const& args)
{
    check_spread(args.w, args.z, args.row_ptr, args.y);
    if (!args.base.empty()) check_like(args.base, args.y, "base", "y");
    on_backend(
        ctx, "garnet_spread", [&] { cpu::garnet_spread(ctx, args); },
        [&] { cuda::garnet_spread(ctx, args); });
}

void garnet_spread_backward(Context& ctx, GarNetSpreadGradArgs const& args)
{
    check_spread(args.w, args.z, args.row_ptr, args.dy);
    check_like(args.dw, args.w, "dw", "w");
    check_like(args.dz, args.z, "dz", "z");
    on_backend(
        ctx, "garnet_spread_backward", [&] { cpu::garnet_spread_backward(ctx, args); },
        [&] { cuda::garnet_spread_backward(ctx, args); });
}
}  // namespace calofuse
