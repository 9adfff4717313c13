#include "kernels/dense/concat.hpp"

#include "kernels/check.hpp"

namespace calofuse {
void concat_forward(Context& ctx, ConcatArgs const& args)
{
    CALOFUSE_CHECK(args.a.rank == 2, "a is " << args.a.describe() << ", wanted (N, A)");
    CALOFUSE_CHECK(args.b.rank == 2, "b is " << args.b.describe() << ", wanted (N, B)");
    std::int64_t const rows = args.a.shape[0];
    check_tensor(args.a, DType::f32, {rows, args.a.shape[1]}, "a");
    check_tensor(args.b, DType::f32, {rows, args.b.shape[1]}, "b");
    check_tensor(args.y, DType::f32, {rows, args.a.shape[1] + args.b.shape[1]}, "y");
    on_backend(
        ctx, "concat", [&] { cpu::concat_forward(ctx, args); },
        [&] { cuda::concat_forward(ctx, args); });
}

void concat_backward(Context& ctx, ConcatGradArgs const& args)
{
    CALOFUSE_CHECK(args.dy.rank == 2, "dy is " << args.dy.describe() << ", wanted (N, A + B)");
    std::int64_t const rows = args.dy.shape[0], columns = args.dy.shape[1];
    check_tensor(args.dy, DType::f32, {rows, columns}, "dy");
    bool const both = !args.da.empty() && !args.db.empty();
    for (auto const& [part, name] : {std::pair{&args.da, "da"}, std::pair{&args.db, "db"}})
        if (!part->empty()) {
            CALOFUSE_CHECK(part->rank == 2 && part->shape[1] <= columns,
                           name << " is " << part->describe() << " of dy " << args.dy.describe());
            check_tensor(*part, DType::f32, {rows, part->shape[1]}, name);
        }
    CALOFUSE_CHECK(!both || args.da.shape[1] + args.db.shape[1] == columns,
                   "da " << args.da.describe() << " and db " << args.db.describe()
                         << " are not the columns of dy " << args.dy.describe());
    on_backend(
        ctx, "concat", [&] { cpu::concat_backward(ctx, args); },
        [&] { cuda::concat_backward(ctx, args); });
}
}  // namespace calofuse
