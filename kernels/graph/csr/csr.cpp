#include "kernels/graph/csr.hpp"

#include "kernels/check.hpp"

namespace calofuse {
namespace {
void check_row_ptr(TensorRef const& row_ptr)
{
    auto const rows = row_ptr.view<std::int32_t const, 1>();
    CALOFUSE_CHECK(rows.shape[0] >= 1 && rows.data != nullptr, "row_ptr is " << row_ptr.describe());
}

void check_capacity(TensorRef const& source, std::int64_t wanted, char const* name)
{
    auto const edges = source.view<std::int32_t const, 1>();
    CALOFUSE_CHECK(edges.shape[0] >= wanted,
                   name << " is " << source.describe() << ", must hold " << wanted << " edges");
    CALOFUSE_CHECK(edges.data != nullptr || edges.shape[0] == 0, name << " has no memory");
}
}  // namespace

void csr_from_neighbours(Context& ctx, CsrFromNeighboursArgs const& args)
{
    check_row_ptr(args.row_ptr);
    auto const neighbours = args.neighbours.view<std::int32_t const, 2>();
    CALOFUSE_CHECK(neighbours.data != nullptr || neighbours.size() == 0,
                   "neighbours has no memory");
    check_tensor(args.edge_ptr, DType::i32, {neighbours.shape[0] + 1}, "edge_ptr");
    check_capacity(args.source, neighbours.size(), "source");
    on_backend(
        ctx, "csr_from_neighbours", [&] { cpu::csr_from_neighbours(ctx, args); },
        [&] { cuda::csr_from_neighbours(ctx, args); });
}

void csr_symmetrise(Context& ctx, CsrSymmetriseArgs const& args)
{
    check_row_ptr(args.row_ptr);
    auto const edge_ptr = args.edge_ptr.view<std::int32_t const, 1>();
    CALOFUSE_CHECK(edge_ptr.shape[0] >= 1 && edge_ptr.data != nullptr,
                   "edge_ptr is " << args.edge_ptr.describe());
    check_capacity(args.source, 0, "source");
    check_tensor(args.out_edge_ptr, DType::i32, {edge_ptr.shape[0]}, "out_edge_ptr");
    std::int64_t const loops = args.loops == Loops::all ? edge_ptr.shape[0] - 1 : 0;
    check_capacity(args.out_source, 2 * args.source.shape[0] + loops, "out_source");
    on_backend(
        ctx, "csr_symmetrise", [&] { cpu::csr_symmetrise(ctx, args); },
        [&] { cuda::csr_symmetrise(ctx, args); });
}
}  // namespace calofuse
