#include <algorithm>

#include "kernels/graph/gravnet/math.hpp"
#include "kernels/graph/gravnet/simd.hpp"
#include "runtime/isa.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kNodesPerItem = 512;
constexpr std::int64_t kGraphsPerItem = 16;
constexpr std::int64_t kMaxList = kMaxGravNetList;
constexpr int kExpLanes = 8;  // as many weights are made at a time

struct Inputs {
    float const* s;
    float const* h;
    std::int32_t const* neighbour;
    std::int64_t dimensions, features, width;
    GravNetRule rule;
    GravNetKernels const& kernels;

    template <class Args>
    explicit Inputs(Args const& args)
        : s(static_cast<float const*>(args.s.data))
        , h(static_cast<float const*>(args.h.data))
        , neighbour(static_cast<std::int32_t const*>(args.neighbour.data))
        , dimensions(args.s.shape[1])
        , features(args.h.shape[1])
        , width(args.neighbour.shape[1])
        , rule(gravnet_rule(args.variant))
        , kernels(cpu_isa() == Isa::avx512 ? avx512::gravnet_kernels : avx2::gravnet_kernels)
    {}
    std::int64_t mean_column() const { return rule.max_first ? features : 0; }
    std::int64_t max_column() const { return rule.max_first ? 0 : features; }
};

/// The list of one node with its weights, made anew in both passes.
class List {
  public:
    List(Inputs const& in, std::int64_t node)
    {
        if (in.rule.with_self) row_[count_++] = node;
        for (std::int64_t k = 0; k < in.width; ++k) {
            std::int32_t const j = in.neighbour[node * in.width + k];
            if (j >= 0) row_[count_++] = j;
        }
        in.kernels.distances({in.s, in.dimensions, node}, row_, count_, weight_);
        std::fill_n(weight_ + count_, kExpLanes - 1, 0.0F);
        for (int first = 0; first < count_; first += kExpLanes)
            for (int k = first; k < first + kExpLanes; ++k)
                weight_[k] = gravnet_weight(weight_[k]);
        float divisor = static_cast<float>(in.rule.mean_over_width ? in.width : count_);
        if (in.rule.normalised) {
            float sum = 0;
            for (int k = 0; k < count_; ++k)
                sum += weight_[k];
            float const least = kGravNetLeastMeanWeight * static_cast<float>(in.width);
            sum_counts_ = sum >= least;
            divisor = sum_counts_ ? sum : least;
        }
        scale_ = 1 / divisor;
    }
    int count() const { return count_; }
    std::int64_t const* rows() const { return row_; }
    float weight(int k) const { return weight_[k]; }
    float scale() const { return scale_; }
    /// Whether the mean is divided by the sum of the weights.
    bool sum_counts() const { return sum_counts_; }
    GravNetList view(Inputs const& in) const
    {
        return {row_, weight_, count_, in.h, in.features, scale_};
    }

  private:
    std::int64_t row_[kMaxList];
    float weight_[kMaxList + kExpLanes - 1];
    int count_ = 0;
    float scale_;
    bool sum_counts_ = false;
};

}  // namespace

void gravnet_forward(Context& ctx, GravNetArgs const& args)
{
    Inputs const in(args);
    auto* const y_data = static_cast<float*>(args.y.data);
    auto* const winner_data = static_cast<std::int32_t*>(args.winner.data);
    std::int64_t const nodes =
        args.row_ptr.view<std::int32_t const, 1>()[args.row_ptr.shape[0] - 1];

    auto const run_node = [&](std::int64_t i) {
        float* const y = y_data + i * 2 * in.features;
        std::int32_t* const winner = winner_data + i * in.features;
        List const list(in, i);
        if (list.count() > 0) {
            in.kernels.aggregate(list.view(in), y + in.mean_column(), y + in.max_column(), winner);
        } else {
            std::fill_n(y, 2 * in.features, 0.0F);
            std::fill_n(winner, in.features, std::int32_t{0});
        }
        if (in.rule.minus_own)
            for (std::int64_t const column : {std::int64_t{0}, in.features})
                in.kernels.subtract(in.features, in.h + i * in.features, y + column);
    };
    parallel_chunks(ctx, nodes, kNodesPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        for (std::int64_t i = begin; i < end; ++i)
                            run_node(i);
                    });
}

void gravnet_backward(Context& ctx, GravNetGradArgs const& args)
{
    Inputs const in(args);
    auto const row_ptr = args.row_ptr.view<std::int32_t const, 1>();
    auto const* const dy_data = static_cast<float const*>(args.dy.data);
    auto const* const winner_data = static_cast<std::int32_t const*>(args.winner.data);
    auto* const ds = static_cast<float*>(args.ds.data);
    auto* const dh = static_cast<float*>(args.dh.data);

    auto const run_node = [&](std::int64_t i) {
        float const* const dy = dy_data + i * 2 * in.features;
        if (in.rule.minus_own)
            for (std::int64_t const column : {std::int64_t{0}, in.features})
                in.kernels.subtract(in.features, dy + column, dh + i * in.features);
        List const list(in, i);
        if (list.count() == 0) return;
        float const* const dmean = dy + in.mean_column();
        float dweight[kMaxList];
        in.kernels.scatter(list.view(in), dmean, dy + in.max_column(),
                           winner_data + i * in.features, dh, dweight);
        if (list.sum_counts()) {
            float const by_sum =
                in.kernels.sum_times(list.view(in), dmean) * list.scale() * list.scale();
            for (int k = 0; k < list.count(); ++k)
                dweight[k] -= by_sum;
        }
        for (int k = 0; k < list.count(); ++k)
            dweight[k] *= -2 * kGravNetSteepness * list.weight(k);
        int const first = in.rule.with_self ? 1 : 0;
        in.kernels.distances_backward({in.s, in.dimensions, i}, list.rows() + first,
                                      list.count() - first, dweight + first, ds);
    };
    parallel_chunks(ctx, row_ptr.shape[0] - 1, kGraphsPerItem,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        for (std::int64_t i = row_ptr[begin]; i < row_ptr[end]; ++i)
                            run_node(i);
                    });
}
}  // namespace calofuse::cpu
