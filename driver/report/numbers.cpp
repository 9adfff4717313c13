#include "driver/report/numbers.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "driver/judge/confusion.hpp"
#include "runtime/error.hpp"

namespace calofuse {
Scored::Scored(Head const& head, HeadJudgement const& judged, HeadRows const& rows)
    : background(head.names[0])
    , signal(head.names[1])
    , logit(rows.output)
    , label(rows.label.begin(), rows.label.end())
    , auc(judged.figure("auc"))
{
    for (float const z : logit)
        score.push_back(static_cast<float>(probability(static_cast<double>(z))));
    for (std::uint8_t const l : label)
        ++(l == 1 ? num_signal : num_background);
    roc = roc_curve(logit, label);
}

Decisions decisions(Scored const& scored, double threshold)
{
    // The logit of the threshold; 0 and 1 are beyond every logit.
    auto const cut = static_cast<float>(std::log(threshold) - std::log1p(-threshold));
    Confusion const c = confusion(scored.logit, scored.label, cut);
    auto const count = [](double n) {
        return std::llround(n);
    };
    return {efficiency(count(c.true_negative + c.true_positive), scored.size()),
            efficiency(count(c.true_positive), scored.num_signal),
            efficiency(count(c.true_negative), scored.num_background),
            efficiency(count(c.true_positive), count(c.true_positive + c.false_positive))};
}

WorkingPoint working_point(Scored const& scored, double target)
{
    RocCurve const& roc = scored.roc;
    WorkingPoint out;
    out.target = target;
    // A class without events has no efficiency: nothing is accepted, every ratio below is NaN.
    auto const found = std::lower_bound(roc.signal.begin(), roc.signal.end(), target);
    auto const k =
        std::min(static_cast<std::size_t>(found - roc.signal.begin()), roc.signal.size() - 1);
    auto const accepted = [&](std::vector<double> const& share, std::int64_t total) {
        return efficiency(total == 0 ? 0 : std::llround(share[k] * static_cast<double>(total)),
                          total);
    };
    out.threshold = k == 0 ? std::numeric_limits<double>::quiet_NaN()
                           : probability(static_cast<double>(roc.threshold[k - 1]));
    out.signal = accepted(roc.signal, scored.num_signal);
    out.background = accepted(roc.background, scored.num_background);
    if (scored.num_signal == 0) out.background = efficiency(0, 0);
    out.rejection = 1 / out.background.value;
    out.rejection_low = 1 / out.background.high;
    out.rejection_high = 1 / out.background.low;
    return out;
}

ScoreHistogram score_histogram(Scored const& scored, int num_bins)
{
    CALOFUSE_CHECK(num_bins > 0, num_bins << " bins");
    ScoreHistogram out;
    for (int i = 0; i <= num_bins; ++i)
        out.edges.push_back(static_cast<double>(i) / num_bins);
    out.signal.resize(static_cast<std::size_t>(num_bins));
    out.background.resize(static_cast<std::size_t>(num_bins));
    for (std::size_t i = 0; i < scored.score.size(); ++i) {
        double const at = static_cast<double>(scored.score[i]) * num_bins;
        auto const bin = static_cast<std::size_t>(std::min(static_cast<int>(at), num_bins - 1));
        (scored.label[i] == 1 ? out.signal : out.background)[bin] += 1;
    }
    return out;
}
}  // namespace calofuse
