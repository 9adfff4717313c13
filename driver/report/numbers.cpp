#include "driver/report/numbers.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include "driver/judge/interval.hpp"
#include "kernels/metric/auc.hpp"
#include "runtime/buffer.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double exact_auc(Scored const& scored)
{
    if (scored.num_hadrons == 0 || scored.num_electrons == 0) return kNan;
    Context ctx = Context::cpu();
    Buffer<float> const score(ctx, std::span<float const>(scored.score));
    Buffer<std::uint8_t> const label(ctx, std::span<std::uint8_t const>(scored.label));
    Buffer<double> const out(ctx, 1);
    auc(ctx, {.score = score.ref(), .label = label.ref(), .auc = out.ref()});
    return out.download()[0];
}

bool called_right(Prediction const& p, float threshold)
{
    return (p.score > threshold) == (p.label == Label::electron);
}
}  // namespace

Efficiency efficiency(std::int64_t passed, std::int64_t total)
{
    CALOFUSE_CHECK(passed >= 0 && passed <= total, passed << " of " << total);
    if (total == 0) return {0, 0, kNan, kNan, kNan};
    Interval const interval = clopper_pearson(passed, total);
    return {passed, total, static_cast<double>(passed) / static_cast<double>(total), interval.low,
            interval.high};
}

Scored::Scored(std::span<Prediction const> predictions)
{
    for (Prediction const& p : predictions) {
        if (p.label == Label::unknown) continue;
        score.push_back(p.score);
        label.push_back(static_cast<std::uint8_t>(p.label));
        ++(p.label == Label::electron ? num_electrons : num_hadrons);
    }
    roc = roc_curve(score, label);
    auc = exact_auc(*this);
}

Decisions::Decisions(Scored const& scored, float threshold)
{
    Confusion const c = confusion(scored.score, scored.label, threshold);
    count[0][0] = std::llround(c.true_negative);
    count[0][1] = std::llround(c.false_positive);
    count[1][0] = std::llround(c.false_negative);
    count[1][1] = std::llround(c.true_positive);
}

Efficiency Decisions::accuracy() const
{
    std::int64_t const right = count[0][0] + count[1][1];
    return efficiency(right, right + count[0][1] + count[1][0]);
}

Efficiency Decisions::correct(Label label) const
{
    auto const i = static_cast<std::size_t>(label);
    return efficiency(count[i][i], count[i][0] + count[i][1]);
}

Efficiency Decisions::purity(Label decision) const
{
    auto const i = static_cast<std::size_t>(decision);
    return efficiency(count[i][i], count[0][i] + count[1][i]);
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
    out.threshold = k == 0 ? kNan : static_cast<double>(roc.threshold[k - 1]);
    out.electrons = accepted(roc.signal, scored.num_electrons);
    out.hadrons = accepted(roc.background, scored.num_hadrons);
    if (scored.num_electrons == 0) out.hadrons = efficiency(0, 0);
    out.rejection = 1 / out.hadrons.value;
    out.rejection_low = 1 / out.hadrons.high;
    out.rejection_high = 1 / out.hadrons.low;
    return out;
}

std::vector<EnergyBin> energy_bins(std::span<Prediction const> predictions, float threshold)
{
    struct Sums {
        std::int64_t events = 0, correct = 0;
        double score = 0;
    };
    std::map<std::pair<Label, double>, Sums> by_beam;
    for (Prediction const& p : predictions) {
        if (p.label == Label::unknown) continue;
        Sums& sums = by_beam[{p.label, p.energy_gev}];
        ++sums.events;
        sums.correct += called_right(p, threshold) ? 1 : 0;
        sums.score += static_cast<double>(p.score);
    }
    std::vector<EnergyBin> out;
    for (auto const& [beam, sums] : by_beam)
        out.push_back({beam.first, beam.second, efficiency(sums.correct, sums.events),
                       sums.score / static_cast<double>(sums.events)});
    return out;
}

ScoreHistogram score_histogram(Scored const& scored, int num_bins)
{
    CALOFUSE_CHECK(num_bins > 0, num_bins << " bins");
    ScoreHistogram out;
    for (int i = 0; i <= num_bins; ++i)
        out.edges.push_back(static_cast<double>(i) / num_bins);
    out.electrons.resize(static_cast<std::size_t>(num_bins));
    out.hadrons.resize(static_cast<std::size_t>(num_bins));
    for (std::size_t i = 0; i < scored.score.size(); ++i) {
        double const at = static_cast<double>(scored.score[i]) * num_bins;
        auto const bin = static_cast<std::size_t>(std::min(static_cast<int>(at), num_bins - 1));
        (scored.label[i] == 1 ? out.electrons : out.hadrons)[bin] += 1;
    }
    return out;
}

std::vector<Prediction> worst_mistakes(std::span<Prediction const> predictions,
                                       Label label,
                                       std::size_t count,
                                       float threshold)
{
    std::vector<Prediction> wrong;
    for (Prediction const& p : predictions)
        if (p.label == label && !called_right(p, threshold)) wrong.push_back(p);
    float const sign = label == Label::electron ? 1.0F : -1.0F;
    std::sort(wrong.begin(), wrong.end(), [&](Prediction const& a, Prediction const& b) {
        return std::tuple(sign * a.score, a.file_id, a.event_index)
               < std::tuple(sign * b.score, b.file_id, b.event_index);
    });
    if (wrong.size() > count) wrong.resize(count);
    return wrong;
}
}  // namespace calofuse
