/// \file kernels/graph/edge_features.hpp
/// What an edge (j -> i) knows about its two hits:
///   f = [x_j - x_i (D numbers), |x_j - x_i|, log(max(E_j, E_min) / max(E_i, E_min))]
/// with D = 2: dx, dy, distance, logarithm of the ratio of energies (GATv2, edge variants).
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
/// Nodes of graph b are rows row_ptr[b] .. row_ptr[b + 1] - 1, edges into node i are
/// edge_ptr[i] .. edge_ptr[i + 1] - 1; N and E are capacities.
struct EdgeFeaturesArgs {
    TensorRef x;                 ///< (N, D) f32 positions
    TensorRef energy;            ///< (N) f32, any unit
    TensorRef row_ptr;           ///< (B + 1) i32
    TensorRef edge_ptr;          ///< (N + 1) i32
    TensorRef source;            ///< (E) i32 rows
    float least_energy = 1e-6F;  ///< E_min > 0; smaller, negative and NaN energies count as this
    TensorRef features;          ///< (E, D + 2) f32
};

void edge_features(Context& ctx, EdgeFeaturesArgs const& args);

namespace cpu {
void edge_features(Context& ctx, EdgeFeaturesArgs const& args);
}  // namespace cpu
namespace cuda {
void edge_features(Context& ctx, EdgeFeaturesArgs const& args);
}  // namespace cuda
}  // namespace calofuse
