/// \file kernels/graph/csr.hpp
/// Edge lists of a ragged batch in the form that graph layers read: by target,
///   edges edge_ptr[i] .. edge_ptr[i + 1] - 1 go into node i and come from source[e].
/// Nodes of graph b are rows row_ptr[b] .. row_ptr[b + 1] - 1; edges stay inside a graph.
/// N and E are capacities: entries past row_ptr[B] and past the last edge are not written.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
/// neighbours (N, k), each row filled from the left and then -1 (knn) -> CSR in the same order.
struct CsrFromNeighboursArgs {
    TensorRef row_ptr;     ///< (B + 1) i32
    TensorRef neighbours;  ///< (N, k) i32
    TensorRef edge_ptr;    ///< (N + 1) i32
    TensorRef source;      ///< (E) i32, E >= N k
};
void csr_from_neighbours(Context& ctx, CsrFromNeighboursArgs const& args);

/// What becomes of edges from a node to itself.
enum class Loops : std::uint8_t {
    keep,
    remove,
    all  ///< exactly one at every node
};

/// The union of the edges and their reverses, sources ascending, every edge once.
struct CsrSymmetriseArgs {
    TensorRef row_ptr;   ///< (B + 1) i32
    TensorRef edge_ptr;  ///< (N + 1) i32
    TensorRef source;    ///< (E) i32, any order, repeats allowed
    Loops loops = Loops::keep;
    TensorRef out_edge_ptr;  ///< (N + 1) i32
    TensorRef out_source;    ///< (F) i32, F >= 2 E, with Loops::all F >= 2 E + N
};
void csr_symmetrise(Context& ctx, CsrSymmetriseArgs const& args);

namespace cpu {
void csr_from_neighbours(Context& ctx, CsrFromNeighboursArgs const& args);
void csr_symmetrise(Context& ctx, CsrSymmetriseArgs const& args);
}  // namespace cpu
namespace cuda {
void csr_from_neighbours(Context& ctx, CsrFromNeighboursArgs const& args);
void csr_symmetrise(Context& ctx, CsrSymmetriseArgs const& args);
}  // namespace cuda
}  // namespace calofuse
