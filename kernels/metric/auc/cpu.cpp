#include <limits>

#include "kernels/metric/auc.hpp"
#include "runtime/scores/score_order.hpp"

namespace calofuse::cpu {
namespace {
/// Sums run in `Count`: whole numbers without weights, double with.
template <class Count, class Weight>
double area(ScoreOrder const& order, float const* score, std::uint8_t const* label, Weight&& weight)
{
    std::vector<std::uint32_t> const& index = order.index;
    Count twice_pairs = 0;  // a tied pair counts one half
    Count signal = 0;
    Count background = 0;
    for (std::size_t i = 0; i < index.size();) {
        Count tied[2] = {};  // background, signal
        float const here = score[index[i]];
        for (; i < index.size() && score[index[i]] == here; ++i)
            tied[label[index[i]]] += weight(index[i]);
        twice_pairs += tied[1] * (2 * background + tied[0]);
        background += tied[0];
        signal += tied[1];
    }
    double const all = 2.0 * static_cast<double>(signal) * static_cast<double>(background);
    return all > 0 ? static_cast<double>(twice_pairs) / all
                   : std::numeric_limits<double>::quiet_NaN();
}
}  // namespace

void auc(Context& /*ctx*/, AucArgs const& args)
{
    auto const score = args.score.view<float const, 1>();
    auto const label = args.label.view<std::uint8_t const, 1>();
    auto const size = static_cast<std::size_t>(score.shape[0]);
    auto const* weight = static_cast<float const*>(args.weight.data);
    ScoreOrder const order = order_by_score({score.data, size}, {label.data, size});
    args.auc.view<double, 1>()[0] =
        weight != nullptr
            ? area<double>(order, score.data, label.data,
                           [&](std::uint32_t i) { return static_cast<double>(weight[i]); })
            : area<std::uint64_t>(order, score.data, label.data,
                                  [](std::uint32_t) { return std::uint64_t{1}; });
}
}  // namespace calofuse::cpu
