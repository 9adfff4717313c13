/// \file kernels/math/small_knn.hpp
/// Nearest neighbours inside one small graph, by comparing all pairs: what event_graph and knn run
/// on graphs of up to a few hundred points. Key and ties: kernels/math/knn_distance.hpp.
/// One vector lane per target; candidates are inserted into sorted lists of k in index order.
#pragma once

#include <cstdint>

namespace calofuse::cpu {
inline constexpr int kMaxNeighbours = 64;

struct SmallKnn {
    float const* position;  ///< (n, dims), point by point
    int n;
    int dims;                           ///< 1 .. 128
    int k;                              ///< 0 .. kMaxNeighbours
    std::int32_t first;                 ///< added to every index
    std::int32_t* neighbours;           ///< (n, k): nearest first, then -1
    float* squared_distance = nullptr;  ///< (n, k), then -1; null: not wanted
    std::int64_t row_stride = 0;        ///< from row to row of the two outputs; 0: k
};

/// A point is not its own neighbour (its twins are). With n - 1 <= k that is all the others. Points
/// at a distance that is NaN or infinite are no neighbours.
void small_knn(SmallKnn const& args);

namespace avx2 {
void small_knn(SmallKnn const& args);
}  // namespace avx2
namespace avx512 {
void small_knn(SmallKnn const& args);
}  // namespace avx512
}  // namespace calofuse::cpu
