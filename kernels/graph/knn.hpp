/// \file kernels/graph/knn.hpp
/// The k nearest neighbours of every point inside its own graph. Key: (d2, index), smaller first;
///   d2 = ((xi0 - xj0)^2 + (xi1 - xj1)^2) + ..., every operation rounded to float on its own
/// (kernels/math/knn_distance.hpp), so lattices, duplicates and all backends agree to the bit.
/// A point is told from its twins by its index, never by distance 0. A point with a coordinate that
/// is NaN or infinite, or so far that d2 overflows, is nobody's neighbour and has none.
/// Small graphs compare all pairs; large ones search a k-d tree whose bounds never cut off a tie.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
inline constexpr int kMaxKnnNeighbours = 64;
inline constexpr int kMaxKnnDims = 128;

enum class KnnSelf : std::uint8_t {
    exclude,  ///< a point is not its own neighbour
    first     ///< a point is the first of its own k neighbours, at distance 0 (also a NaN point)
};

struct KnnArgs {
    TensorRef x;        ///< (N, D) f32, D 1 .. 128; rows from row_ptr[B] on are not read
    TensorRef row_ptr;  ///< (B + 1) i32, ascending from 0, row_ptr[B] <= N
    KnnSelf self = KnnSelf::exclude;
    TensorRef neighbours;             ///< (N, k) i32 rows of x, nearest first, then -1; k 1 .. 64
    TensorRef squared_distance = {};  ///< (N, k) f32, then -1; empty: not wanted
};

void knn(Context& ctx, KnnArgs const& args);

namespace cpu {
void knn(Context& ctx, KnnArgs const& args);
/// All graphs by one method, for tests and benches: the result is the same.
enum class KnnMethod : std::uint8_t { all_pairs, tree };
void knn_by(Context& ctx, KnnArgs const& args, KnnMethod method);
}  // namespace cpu
namespace cuda {
void knn(Context& ctx, KnnArgs const& args);
}  // namespace cuda
}  // namespace calofuse
