#include "kernels/dense/linear.hpp"

namespace calofuse {
namespace {
/// The groups with `count` = 0 spelt out.
LinearGroups resolved(LinearGroups groups, TensorRef const& x)
{
    if (groups.count == 0) {
        groups.count = 1;
        groups.width[0] = static_cast<std::int32_t>(x.shape[1]);
        groups.set[0] = 0;
    }
    return groups;
}

void check(LinearGroups const& groups,
           TensorRef const& x,
           TensorRef const& w,
           TensorRef const& b,
           TensorRef const& row_ptr,
           TensorRef const& y)
{
    auto const rows = x.view<float const, 2>();
    auto const out = y.view<float const, 2>();
    CALOFUSE_CHECK(groups.count >= 1 && groups.count <= kMaxLinearGroups,
                   groups.count << " groups (at most " << kMaxLinearGroups << ")");
    CALOFUSE_CHECK(out.shape[0] == rows.shape[0] && out.shape[1] % groups.count == 0,
                   "y is " << y.describe() << " for x " << x.describe() << " in " << groups.count
                           << " groups");
    std::int64_t const outputs = out.shape[1] / groups.count;
    CALOFUSE_CHECK(outputs >= 1, "y is " << y.describe());
    std::array<std::int64_t, kMaxLinearGroups> set_width = {};
    std::int64_t columns = 0;
    for (std::size_t g = 0; g < static_cast<std::size_t>(groups.count); ++g) {
        CALOFUSE_CHECK(groups.width[g] >= 1, "group " << g << " is " << groups.width[g] << " wide");
        CALOFUSE_CHECK(groups.set[g] >= 0 && groups.set[g] < groups.count,
                       "group " << g << " names set " << groups.set[g]);
        std::int64_t& width = set_width[static_cast<std::size_t>(groups.set[g])];
        CALOFUSE_CHECK(width == 0 || width == groups.width[g],
                       "group " << g << " is " << groups.width[g] << " wide, its set " << width);
        width = groups.width[g];
        columns += width;
    }
    CALOFUSE_CHECK(columns == rows.shape[1],
                   "groups take " << columns << " columns, x is " << x.describe());
    if (!row_ptr.empty()) {
        auto const ptr = row_ptr.view<std::int32_t const, 1>();
        CALOFUSE_CHECK(ptr.size() >= 1, "row_ptr is " << row_ptr.describe());
    }
    std::int64_t inputs = 0;
    std::int64_t sets = 0;
    for (std::int64_t const width : set_width) {
        inputs += width;
        sets += width > 0 ? 1 : 0;
    }
    for (std::int64_t s = 0; s < sets; ++s)
        CALOFUSE_CHECK(set_width[static_cast<std::size_t>(s)] > 0, "no group names set " << s);
    CALOFUSE_CHECK(w.flat<float const>().size() == inputs * outputs,
                   "w is " << w.describe() << ", wanted " << inputs << " x " << outputs);
    if (!b.empty())
        CALOFUSE_CHECK(b.flat<float const>().size() == sets * outputs,
                       "b is " << b.describe() << ", wanted " << sets << " x " << outputs);
}
}  // namespace

void linear_forward(Context& ctx, LinearArgs const& args)
{
    LinearArgs full = args;
    full.groups = resolved(args.groups, args.x);
    check(full.groups, full.x, full.w, full.b, full.row_ptr, full.y);
    on_backend(
        ctx, "linear", [&] { cpu::linear_forward(ctx, full); },
        [&] { cuda::linear_forward(ctx, full); });
}

void linear_backward(Context& ctx, LinearGradArgs const& args)
{
    LinearGradArgs full = args;
    full.groups = resolved(args.groups, args.x);
    check(full.groups, full.x, full.w, full.db, full.row_ptr, full.dy);
    CALOFUSE_CHECK(full.dx.empty() || (full.dx.same_shape(full.x) && full.dx.dtype == DType::f32),
                   "dx is " << full.dx.describe() << ", x " << full.x.describe());
    CALOFUSE_CHECK(full.dw.flat<float>().size() == full.w.size(),
                   "dw is " << full.dw.describe() << ", w " << full.w.describe());
    on_backend(
        ctx, "linear_backward", [&] { cpu::linear_backward(ctx, full); },
        [&] { cuda::linear_backward(ctx, full); });
}
}  // namespace calofuse
