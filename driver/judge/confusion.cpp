#include "driver/judge/confusion.hpp"

#include <limits>

#include "runtime/error.hpp"
#include "runtime/scores/score_order.hpp"

namespace calofuse {
namespace {
double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : std::numeric_limits<double>::quiet_NaN();
}
}  // namespace

double Confusion::total() const
{
    return true_negative + false_positive + false_negative + true_positive;
}
double Confusion::accuracy() const
{
    return ratio(true_negative + true_positive, total());
}
double Confusion::f1() const
{
    return ratio(2 * true_positive, 2 * true_positive + false_positive + false_negative);
}
double Confusion::signal_efficiency() const
{
    return ratio(true_positive, true_positive + false_negative);
}
double Confusion::background_efficiency() const
{
    return ratio(false_positive, false_positive + true_negative);
}
double Confusion::purity() const
{
    return ratio(true_positive, true_positive + false_positive);
}

Confusion confusion(std::span<float const> score,
                    std::span<std::uint8_t const> label,
                    float threshold,
                    std::span<float const> weight)
{
    check_scores(score, label);
    CALOFUSE_CHECK(weight.empty() || weight.size() == score.size(),
                   score.size() << " scores, " << weight.size() << " weights");
    Confusion out;
    for (std::size_t i = 0; i < score.size(); ++i) {
        double const w = weight.empty() ? 1.0 : static_cast<double>(weight[i]);
        bool const accepted = score[i] > threshold;
        if (label[i] == 1)
            (accepted ? out.true_positive : out.false_negative) += w;
        else
            (accepted ? out.false_positive : out.true_negative) += w;
    }
    return out;
}
}  // namespace calofuse
