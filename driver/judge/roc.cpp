#include "driver/judge/roc.hpp"

#include <cmath>
#include <limits>

#include "runtime/scores/score_order.hpp"

namespace calofuse {
RocCurve roc_curve(std::span<float const> score, std::span<std::uint8_t const> label)
{
    ScoreOrder const order = order_by_score(score, label);
    RocCurve curve{{0}, {0}, {}};
    std::int64_t accepted[2] = {};  // background, signal
    for (std::size_t i = order.index.size(); i-- > 0;) {
        std::uint32_t const event = order.index[i];
        ++accepted[label[event]];
        if (i > 0 && score[order.index[i - 1]] == score[event]) continue;
        curve.background.push_back(static_cast<double>(accepted[0])
                                   / static_cast<double>(order.num_background));
        curve.signal.push_back(static_cast<double>(accepted[1])
                               / static_cast<double>(order.num_signal));
        curve.threshold.push_back(score[event]);
    }
    return curve;
}

RocCurve without_collinear_points(RocCurve const& curve)
{
    RocCurve out{{0}, {0}, {}};
    std::size_t const points = curve.threshold.size();
    // Efficiencies are multiples of 1 / events: a bend is far above the rounding of doubles.
    auto const bends = [](std::vector<double> const& v, std::size_t k) {
        return std::abs(v[k + 1] - 2 * v[k] + v[k - 1]) > 1e-12;
    };
    for (std::size_t k = 1; k <= points; ++k) {
        bool const is_end = k == 1 || k == points;
        if (!is_end && !bends(curve.background, k) && !bends(curve.signal, k)) continue;
        out.background.push_back(curve.background[k]);
        out.signal.push_back(curve.signal[k]);
        out.threshold.push_back(curve.threshold[k - 1]);
    }
    return out;
}

double background_rejection(RocCurve const& curve, double signal_efficiency)
{
    std::size_t nearest = 0;
    for (std::size_t k = 1; k < curve.signal.size(); ++k)
        if (std::abs(curve.signal[k] - signal_efficiency)
            < std::abs(curve.signal[nearest] - signal_efficiency))
            nearest = k;
    double const accepted = curve.background[nearest];
    return accepted > 0 ? 1 / accepted : std::numeric_limits<double>::infinity();
}
}  // namespace calofuse
