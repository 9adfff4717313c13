/// \file kernels/graph/adjacency.hpp
/// Gathers node features along a small dense graph of V <= 64 nodes, the same for all events or one
/// per event:
///   y[b, i, c] = act(sum_j a[i, j] u[b, j, c] + r[b, i, c] + bias[c])
/// With u = x W1, r = x W2 this is Spektral's GCSConv, with u = x W its GCNConv; the linear maps are
/// dense/linear. Entries of a that are 0 cost nothing.
#pragma once

#include <vector>

#include "kernels/graph/node_activation.hpp"
#include "runtime/context.hpp"
#include "runtime/names.hpp"

namespace calofuse {
inline constexpr std::int64_t kMaxGraphNodes = 64;

struct AdjacencyArgs {
    TensorRef a;          ///< (V, V) or (B, V, V) f32, used as given; row i gathers columns j
    TensorRef u;          ///< (B, V, F) f32
    TensorRef r = {};     ///< (B, V, F) f32; empty: 0
    TensorRef bias = {};  ///< (F) f32; empty: 0
    NodeActivation activation = NodeActivation::none;
    TensorRef y;  ///< (B, V, F) f32; may alias r, not u
};

/// g = dy act'(y); du[b, j] += sum_i a[i, j] g[b, i]; dr += g; dbias += sum_{b, i} g
struct AdjacencyGradArgs {
    TensorRef a;       ///< as in forward
    TensorRef y = {};  ///< (B, V, F) f32 of forward; may be empty if activation is none
    TensorRef dy;      ///< (B, V, F) f32
    NodeActivation activation = NodeActivation::none;
    TensorRef du = {};     ///< (B, V, F) f32, added to; empty: not wanted
    TensorRef dr = {};     ///< (B, V, F) f32, added to; empty: not wanted
    TensorRef dbias = {};  ///< (F) f32, added to; empty: not wanted
};

void adjacency_forward(Context& ctx, AdjacencyArgs const& args);
void adjacency_backward(Context& ctx, AdjacencyGradArgs const& args);

namespace cpu {
void adjacency_forward(Context& ctx, AdjacencyArgs const& args);
void adjacency_backward(Context& ctx, AdjacencyGradArgs const& args);
}  // namespace cpu
namespace cuda {
void adjacency_forward(Context& ctx, AdjacencyArgs const& args);
void adjacency_backward(Context& ctx, AdjacencyGradArgs const& args);
}  // namespace cuda

enum class GridNeighbours : std::uint8_t { four, eight, all };
constexpr auto names_of(GridNeighbours)
{
    return std::to_array<Name<GridNeighbours>>({
        {GridNeighbours::eight, "grid8"},
        {GridNeighbours::four, "grid4"},
        {GridNeighbours::all, "full"},
    });
}

/// 0/1 adjacency (V, V) of rows x columns cells, no self-loops; `all` joins every pair.
std::vector<float> grid_adjacency(int rows, int columns, GridNeighbours neighbours);

/// D^-1/2 A D^-1/2 with D = row sums; rows and columns of degree 0 become 0. For GCSConv.
std::vector<float> normalised_adjacency(std::vector<float> const& adjacency);
/// The same of A + I. For GCNConv.
std::vector<float> normalised_adjacency_with_loops(std::vector<float> adjacency);
}  // namespace calofuse
