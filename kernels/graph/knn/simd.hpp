/// \file kernels/graph/knn/simd.hpp
/// The vector part of knn on large graphs: all queries of one leaf of a k-d tree at once.
#pragma once

#include <cstdint>

namespace calofuse::cpu {
inline constexpr int kKnnLeaf = 16;

/// A balanced k-d tree over the finite points of one graph. Leaf l holds the points l kKnnLeaf ..
/// (l + 1) kKnnLeaf - 1 of the tree's order. Node 0 holds all leaves, children of node i are
/// 2 i + 1 and 2 i + 2, and a node of leaves a .. b - 1 is divided at (a + b) / 2.
struct KnnTree {
    float const* position;      ///< (points, dims) in the tree's order
    std::int32_t const* index;  ///< (points) row inside the graph
    float const* box;           ///< (nodes, 2, dims): smallest and largest coordinates
    int points, dims, leaves;
};

struct KnnSearch {
    KnnTree tree;
    int k;                     ///< without the point itself
    std::int32_t first;        ///< row of the graph's first point, added to every index
    std::int32_t* neighbours;  ///< row i of the graph begins at i row_stride
    float* squared_distance;   ///< likewise; null: not wanted
    std::int64_t row_stride;
};

namespace avx2 {
void knn_search_leaf(KnnSearch const& search, int leaf);
}  // namespace avx2
namespace avx512 {
void knn_search_leaf(KnnSearch const& search, int leaf);
}  // namespace avx512
}  // namespace calofuse::cpu
