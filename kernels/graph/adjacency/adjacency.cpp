#include "kernels/graph/adjacency.hpp"

#include <cmath>
#include <cstdlib>

#include "kernels/check.hpp"

namespace calofuse {
namespace {
struct Sizes {
    std::int64_t events, nodes, features;
};

/// Checks `a` against the (B, V, F) of `like`.
Sizes check_graph(TensorRef const& a, TensorRef const& like, char const* name)
{
    auto const view = like.view<float const, 3>();
    Sizes const n{view.shape[0], view.shape[1], view.shape[2]};
    check_tensor(like, DType::f32, {n.events, n.nodes, n.features}, name);
    CALOFUSE_CHECK(n.nodes >= 1 && n.nodes <= kMaxGraphNodes,
                   n.nodes << " nodes (1 to " << kMaxGraphNodes << ")");
    if (a.rank == 3)
        check_tensor(a, DType::f32, {n.events, n.nodes, n.nodes}, "a");
    else
        check_tensor(a, DType::f32, {n.nodes, n.nodes}, "a");
    return n;
}

void check_optional(TensorRef const& t, std::initializer_list<std::int64_t> shape, char const* name)
{
    if (!t.empty()) check_tensor(t, DType::f32, shape, name);
}

std::size_t num_nodes(std::vector<float> const& adjacency)
{
    auto const n = static_cast<std::size_t>(std::lround(std::sqrt(adjacency.size())));
    CALOFUSE_CHECK(n * n == adjacency.size(), adjacency.size() << " is not a square");
    return n;
}
}  // namespace

void adjacency_forward(Context& ctx, AdjacencyArgs const& args)
{
    Sizes const n = check_graph(args.a, args.u, "u");
    check_optional(args.r, {n.events, n.nodes, n.features}, "r");
    check_optional(args.bias, {n.features}, "bias");
    check_tensor(args.y, DType::f32, {n.events, n.nodes, n.features}, "y");
    CALOFUSE_CHECK(args.y.data != args.u.data || args.y.size() == 0, "y may not be u");
    on_backend(
        ctx, "adjacency_forward", [&] { cpu::adjacency_forward(ctx, args); },
        [&] { cuda::adjacency_forward(ctx, args); });
}

void adjacency_backward(Context& ctx, AdjacencyGradArgs const& args)
{
    Sizes const n = check_graph(args.a, args.dy, "dy");
    if (args.activation != NodeActivation::none || !args.y.empty())
        check_tensor(args.y, DType::f32, {n.events, n.nodes, n.features}, "y");
    check_optional(args.du, {n.events, n.nodes, n.features}, "du");
    check_optional(args.dr, {n.events, n.nodes, n.features}, "dr");
    check_optional(args.dbias, {n.features}, "dbias");
    on_backend(
        ctx, "adjacency_backward", [&] { cpu::adjacency_backward(ctx, args); },
        [&] { cuda::adjacency_backward(ctx, args); });
}

std::vector<float> grid_adjacency(int rows, int columns, GridNeighbours neighbours)
{
    CALOFUSE_CHECK(rows >= 1 && columns >= 1 && rows * columns <= kMaxGraphNodes,
                   rows << " x " << columns << " nodes (at most " << kMaxGraphNodes << ")");
    int const nodes = rows * columns;
    std::vector<float> a(static_cast<std::size_t>(nodes * nodes));
    for (int i = 0; i < nodes; ++i) {
        for (int j = 0; j < nodes; ++j) {
            int const down = std::abs(i / columns - j / columns);
            int const right = std::abs(i % columns - j % columns);
            bool const joined = neighbours == GridNeighbours::all     ? true
                                : neighbours == GridNeighbours::eight ? down <= 1 && right <= 1
                                                                      : down + right == 1;
            a[static_cast<std::size_t>(i * nodes + j)] = joined && i != j ? 1.0F : 0.0F;
        }
    }
    return a;
}

std::vector<float> normalised_adjacency(std::vector<float> const& adjacency)
{
    std::size_t const n = num_nodes(adjacency);
    std::vector<double> scale(n);
    for (std::size_t i = 0; i < n; ++i) {
        double degree = 0;
        for (std::size_t j = 0; j < n; ++j)
            degree += adjacency[i * n + j];
        scale[i] = degree > 0 ? 1 / std::sqrt(degree) : 0.0;
    }
    std::vector<float> out(n * n);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j)
            out[i * n + j] = static_cast<float>(scale[i] * adjacency[i * n + j] * scale[j]);
    return out;
}

std::vector<float> normalised_adjacency_with_loops(std::vector<float> adjacency)
{
    std::size_t const n = num_nodes(adjacency);
    for (std::size_t i = 0; i < n; ++i)
        adjacency[i * n + i] += 1.0F;
    return normalised_adjacency(adjacency);
}
}  // namespace calofuse
