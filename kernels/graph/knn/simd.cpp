#include "kernels/graph/knn/simd.hpp"

#include <immintrin.h>

#include "kernels/math/knn_distance.hpp"

namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE {
namespace {
#ifdef __AVX512F__
constexpr int kLanes = 16;
#else
constexpr int kLanes = 8;
#endif
typedef float Vector __attribute__((vector_size(4 * kLanes)));
typedef std::int32_t IntVector __attribute__((vector_size(4 * kLanes)));

constexpr int kMaxNeighbours = 64;
constexpr int kMaxDims = 128;
constexpr int kMaxDepth = 64;

bool any(IntVector mask)
{
#ifdef __AVX512F__
    auto const m = reinterpret_cast<__m512i>(mask);
    return _mm512_test_epi32_mask(m, m) != 0;
#else
    auto const m = reinterpret_cast<__m256i>(mask);
    return _mm256_testz_si256(m, m) == 0;
#endif
}

/// kLanes queries: their coordinates, places in the tree and sorted lists.
struct Queries {
    Vector position[kMaxDims];
    IntVector place;
    float low[kMaxDims], high[kMaxDims];  ///< of all queries
    int slots;                            ///< entries of a list that can be filled
    Vector distance[kMaxNeighbours];
    IntVector index[kMaxNeighbours];
};

struct Key {
    Vector distance;
    IntVector index;
};

IntVector is_less(Key const& a, Key const& b)
{
    return (a.distance < b.distance) | ((a.distance == b.distance) & (a.index < b.index));
}

Key entry(Queries const& q, int slot)
{
    return {q.distance[slot], q.index[slot]};
}

void put(Queries& q, int slot, Key const& key)
{
    q.distance[slot] = key.distance;
    q.index[slot] = key.index;
}

Key choose(IntVector mask, Key const& a, Key const& b)
{
    return {mask ? a.distance : b.distance, mask ? a.index : b.index};
}

/// From the far end: every entry behind the new one moves back by one.
void insert(Queries& q, Key const& key, IntVector before)
{
    for (int s = q.slots - 1; s > 0; --s) {
        Key const front = entry(q, s - 1);
        IntVector const before_front = is_less(key, front);
        Key const here = choose(before, key, entry(q, s));
        put(q, s, choose(before_front, front, here));
        if (!any(before_front)) return;
        before = before_front;
    }
    put(q, 0, choose(before, key, entry(q, 0)));
}

void scan_leaf(KnnTree const& tree, int leaf, Queries& q)
{
    int const end = (leaf + 1) * kKnnLeaf < tree.points ? (leaf + 1) * kKnnLeaf : tree.points;
    for (int t = leaf * kKnnLeaf; t < end; ++t) {
        float const* const p = tree.position + static_cast<std::ptrdiff_t>(t) * tree.dims;
        Vector sum = rounded_square(q.position[0] - p[0]);
        for (int d = 1; d < tree.dims; ++d)
            sum += rounded_square(q.position[d] - p[d]);
        sum = q.place == t ? Vector{} + __builtin_inff() : sum;
        if (!any(sum <= q.distance[q.slots - 1])) continue;
        Key const key{sum, tree.index[t] - IntVector{}};
        IntVector const before = is_less(key, entry(q, q.slots - 1));
        if (any(before)) insert(q, key, before);
    }
}

/// Whether a point of the box can enter a list. The bound is computed by the operations of the
/// distance itself, each of which is monotone, so it never exceeds the distance: no tie is lost.
bool may_hold_neighbours(Queries const& q, float const* box, int dims)
{
    Vector sum{};
    for (int d = 0; d < dims; ++d) {
        Vector const below = box[d] - q.position[d];
        Vector const above = q.position[d] - box[dims + d];
        Vector gap = below > above ? below : above;
        gap = gap > Vector{} ? gap : Vector{};
        sum += rounded_square(gap);
    }
    return any(sum <= q.distance[q.slots - 1]);
}

/// Between the box of the queries and another: decides which child is searched first.
float gap_between(Queries const& q, float const* box, int dims)
{
    float sum = 0;
    for (int d = 0; d < dims; ++d) {
        float const below = box[d] - q.high[d];
        float const above = q.low[d] - box[dims + d];
        float const gap = below > above ? below : above;
        sum += gap > 0 ? gap * gap : 0.0F;
    }
    return sum;
}

struct Node {
    std::int64_t number;
    int begin, end;  ///< leaves
};

void search_tree(KnnTree const& tree, int own_leaf, Queries& q)
{
    auto const box = [&](std::int64_t node) {
        return tree.box + node * 2 * tree.dims;
    };
    Node stack[kMaxDepth];
    int depth = 0;
    stack[depth++] = {0, 0, tree.leaves};
    while (depth > 0) {
        Node const node = stack[--depth];
        if (!may_hold_neighbours(q, box(node.number), tree.dims)) continue;
        if (node.end - node.begin == 1) {
            scan_leaf(tree, node.begin, q);
            continue;
        }
        int const middle = (node.begin + node.end) / 2;
        Node const left{2 * node.number + 1, node.begin, middle};
        Node const right{2 * node.number + 2, middle, node.end};
        bool const own_path = own_leaf >= node.begin && own_leaf < node.end;
        bool const left_first = own_path ? own_leaf < middle
                                         : gap_between(q, box(left.number), tree.dims)
                                               <= gap_between(q, box(right.number), tree.dims);
        stack[depth++] = left_first ? right : left;
        stack[depth++] = left_first ? left : right;
    }
}

void load_queries(KnnTree const& tree, int begin, int end, Queries& q)
{
    for (int d = 0; d < tree.dims; ++d) {
        q.low[d] = q.high[d] = tree.position[static_cast<std::ptrdiff_t>(begin) * tree.dims + d];
        for (int l = 0; l < kLanes; ++l) {
            int const t = begin + l < end ? begin + l : begin;  // idle lanes repeat the first query
            float const value = tree.position[static_cast<std::ptrdiff_t>(t) * tree.dims + d];
            q.position[d][l] = value;
            q.low[d] = value < q.low[d] ? value : q.low[d];
            q.high[d] = value > q.high[d] ? value : q.high[d];
        }
    }
    for (int l = 0; l < kLanes; ++l)
        q.place[l] = begin + l < end ? begin + l : begin;
    for (int s = 0; s < q.slots; ++s)
        put(q, s, {Vector{} + __builtin_inff(), IntVector{} - 1});
}

void store_lists(KnnSearch const& search, int begin, int end, Queries const& q)
{
    for (int t = begin; t < end; ++t) {
        std::int64_t const row = search.tree.index[t] * search.row_stride;
        for (int s = 0; s < search.k; ++s) {
            std::int32_t const j = s < q.slots ? q.index[s][t - begin] : -1;
            search.neighbours[row + s] = j < 0 ? -1 : search.first + j;
            if (search.squared_distance != nullptr)
                search.squared_distance[row + s] = j < 0 ? -1.0F : q.distance[s][t - begin];
        }
    }
}
}  // namespace

void knn_search_leaf(KnnSearch const& search, int leaf)
{
    KnnTree const& tree = search.tree;
    Queries q;
    q.slots = search.k < tree.points - 1 ? search.k : tree.points - 1;
    int const leaf_end = (leaf + 1) * kKnnLeaf < tree.points ? (leaf + 1) * kKnnLeaf : tree.points;
    for (int begin = leaf * kKnnLeaf; begin < leaf_end; begin += kLanes) {
        int const end = begin + kLanes < leaf_end ? begin + kLanes : leaf_end;
        if (q.slots > 0) {
            load_queries(tree, begin, end, q);
            search_tree(tree, leaf, q);
        }
        store_lists(search, begin, end, q);
    }
}
}  // namespace calofuse::cpu::CALOFUSE_ISA_NAMESPACE
