#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/graph/knn.hpp"
#include "kernels/graph/knn/simd.hpp"
#include "kernels/math/small_knn.hpp"
#include "runtime/isa.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
static_assert(kMaxKnnNeighbours <= kMaxNeighbours);
constexpr std::int64_t kGraphsPerItem = 16;
constexpr std::int64_t kLeavesPerItem = 8;
/// From here on a k-d tree wins over all pairs (knn_bench).
constexpr std::int64_t kPointsForTree = 600;

/// What one call has to do, typed. `shift` = 1 leaves the first column to the point itself.
struct Task {
    View<float const, 2> x;
    View<std::int32_t, 2> neighbours;
    float* squared_distance;
    std::int64_t shift;

    explicit Task(KnnArgs const& args)
        : x(args.x.view<float const, 2>())
        , neighbours(args.neighbours.view<std::int32_t, 2>())
        , squared_distance(static_cast<float*>(args.squared_distance.data))
        , shift(args.self == KnnSelf::first ? 1 : 0)
    {}
    std::int64_t k() const { return neighbours.shape[1]; }
    int dims() const { return static_cast<int>(x.shape[1]); }
    std::int32_t* neighbours_of(std::int64_t row) const
    {
        return neighbours.data + row * k() + shift;
    }
    float* distances_of(std::int64_t row) const
    {
        return squared_distance == nullptr ? nullptr : squared_distance + row * k() + shift;
    }
    void put_self(std::int64_t row) const
    {
        if (shift == 0) return;
        neighbours.data[row * k()] = static_cast<std::int32_t>(row);
        if (squared_distance != nullptr) squared_distance[row * k()] = 0.0F;
    }
};

void compare_all_pairs(Task const& task, std::int64_t begin, std::int64_t end)
{
    small_knn({.position = task.x.data + begin * task.x.shape[1],
               .n = static_cast<int>(end - begin),
               .dims = task.dims(),
               .k = static_cast<int>(task.k() - task.shift),
               .first = static_cast<std::int32_t>(begin),
               .neighbours = task.neighbours_of(begin),
               .squared_distance = task.distances_of(begin),
               .row_stride = task.k()});
    for (std::int64_t i = begin; i < end; ++i)
        task.put_self(i);
}

bool is_finite(float const* point, int dims)
{
    return std::all_of(point, point + dims, [](float v) { return std::isfinite(v); });
}

/// Leaves of a node, and with them its points.
struct Range {
    std::int64_t node;
    int begin, end;
};

/// The k-d tree of one graph, built level by level: the nodes of a level are independent.
class TreeBuilder {
  public:
    TreeBuilder(Context& ctx, float const* x, std::int32_t* order, int points, int dims)
        : ctx_(ctx)
        , x_(x)
        , order_(order)
        , points_(points)
        , dims_(dims)
        , leaves_((points + kKnnLeaf - 1) / kKnnLeaf)
        , box_(ctx.scratch<float>(num_nodes() * 2 * dims))
        , position_(ctx.scratch<float>(static_cast<std::int64_t>(points) * dims))
    {
        std::vector<Range> level;
        if (leaves_ > 0) level.push_back({0, 0, leaves_});
        while (!level.empty()) {
            parallel_for(ctx_, static_cast<std::int64_t>(level.size()),
                         [&](std::int64_t i) { divide(level[static_cast<std::size_t>(i)]); });
            level = children(level);
        }
        parallel_chunks(ctx_, points_, 1024, [&](std::int64_t begin, std::int64_t end, auto) {
            for (std::int64_t t = begin; t < end; ++t)
                std::copy_n(x_ + order_[t] * static_cast<std::int64_t>(dims_), dims_,
                            position_.data() + t * dims_);
        });
    }
    KnnTree tree() const
    {
        return {position_.data(), order_, box_.data(), points_, dims_, leaves_};
    }

  private:
    std::int64_t num_nodes() const
    {
        std::int64_t nodes = 1;
        while (nodes < leaves_)
            nodes *= 2;
        return 2 * nodes;
    }
    int first_point(int leaf) const { return std::min(leaf * kKnnLeaf, points_); }

    static std::vector<Range> children(std::vector<Range> const& level)
    {
        std::vector<Range> next;
        for (Range const& r : level) {
            if (r.end - r.begin == 1) continue;
            int const middle = (r.begin + r.end) / 2;
            next.push_back({2 * r.node + 1, r.begin, middle});
            next.push_back({2 * r.node + 2, middle, r.end});
        }
        return next;
    }

    /// Writes the node's box and divides its points along the longest side of it.
    void divide(Range const& range)
    {
        float* const low = box_.data() + range.node * 2 * dims_;
        float* const high = low + dims_;
        std::int32_t* const begin = order_ + first_point(range.begin);
        std::int32_t* const end = order_ + first_point(range.end);
        auto const point = [&](std::int32_t i) {
            return x_ + i * static_cast<std::int64_t>(dims_);
        };
        std::copy_n(point(*begin), dims_, low);
        std::copy_n(point(*begin), dims_, high);
        for (std::int32_t const* i = begin; i < end; ++i)
            for (int d = 0; d < dims_; ++d) {
                low[d] = std::min(low[d], point(*i)[d]);
                high[d] = std::max(high[d], point(*i)[d]);
            }
        if (range.end - range.begin == 1) return;
        int longest = 0;
        for (int d = 1; d < dims_; ++d)
            if (high[d] - low[d] > high[longest] - low[longest]) longest = d;
        std::nth_element(
            begin, order_ + first_point((range.begin + range.end) / 2), end,
            [&](std::int32_t a, std::int32_t b) { return point(a)[longest] < point(b)[longest]; });
    }

    Context& ctx_;
    float const* x_;
    std::int32_t* order_;
    int points_, dims_, leaves_;
    Block<float> box_, position_;
};

void search_tree(Context& ctx, Task const& task, std::int64_t begin, std::int64_t end)
{
    float const* const x = task.x.data + begin * task.x.shape[1];
    auto const order = ctx.scratch<std::int32_t>(end - begin);
    int points = 0;
    for (std::int64_t i = begin; i < end; ++i) {
        task.put_self(i);
        if (is_finite(task.x.data + i * task.x.shape[1], task.dims())) {
            order.data()[points++] = static_cast<std::int32_t>(i - begin);
            continue;
        }
        std::int64_t const count = task.k() - task.shift;
        std::fill_n(task.neighbours_of(i), count, -1);
        if (task.squared_distance != nullptr) std::fill_n(task.distances_of(i), count, -1.0F);
    }
    TreeBuilder const builder(ctx, x, order.data(), points, task.dims());
    KnnSearch const search{.tree = builder.tree(),
                           .k = static_cast<int>(task.k() - task.shift),
                           .first = static_cast<std::int32_t>(begin),
                           .neighbours = task.neighbours_of(begin),
                           .squared_distance = task.distances_of(begin),
                           .row_stride = task.k()};
    auto const run = cpu_isa() == Isa::avx512 ? avx512::knn_search_leaf : avx2::knn_search_leaf;
    parallel_chunks(ctx, search.tree.leaves, kLeavesPerItem,
                    [&](std::int64_t first, std::int64_t last, std::int64_t) {
                        for (std::int64_t leaf = first; leaf < last; ++leaf)
                            run(search, static_cast<int>(leaf));
                    });
}

/// Graphs of at least `for_tree` points one after the other, on all threads; then the small ones.
void run(Context& ctx, KnnArgs const& args, std::int64_t for_tree)
{
    Task const task(args);
    auto const row_ptr = args.row_ptr.view<std::int32_t const, 1>();
    std::int64_t const graphs = row_ptr.shape[0] - 1;
    auto const is_large = [&](std::int64_t b) {
        return row_ptr[b + 1] - row_ptr[b] >= for_tree;
    };
    for (std::int64_t b = 0; b < graphs; ++b)
        if (is_large(b)) search_tree(ctx, task, row_ptr[b], row_ptr[b + 1]);
    parallel_chunks(ctx, graphs, kGraphsPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        for (std::int64_t b = begin; b < end; ++b)
                            if (!is_large(b)) compare_all_pairs(task, row_ptr[b], row_ptr[b + 1]);
                    });
}
}  // namespace

void knn(Context& ctx, KnnArgs const& args)
{
    run(ctx, args, kPointsForTree);
}

void knn_by(Context& ctx, KnnArgs const& args, KnnMethod method)
{
    run(ctx, args, method == KnnMethod::tree ? 0 : std::numeric_limits<std::int64_t>::max());
}
}  // namespace calofuse::cpu
