#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <map>

#include "driver/judge/judges.hpp"
#include "driver/judge/statistics.hpp"
#include "kernels/metric/auc.hpp"
#include "runtime/buffer.hpp"

namespace calofuse {
namespace {
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// log p of both classes from one logit, or of all from theirs.
std::vector<double> log_probabilities(std::span<float const> z)
{
    if (z.size() == 1) {
        double const x = static_cast<double>(z[0]), tail = std::log1p(std::exp(-std::abs(x)));
        return {-std::max(x, 0.0) - tail, -std::max(-x, 0.0) - tail};
    }
    double const sum = log_sum_exp(z);
    std::vector<double> out;
    for (float const value : z)
        out.push_back(static_cast<double>(value) - sum);
    return out;
}

/// - sum_c v[c] q[c] log p[c], q = (1 - s) [c = t] + s / C (kernels/loss/cross_entropy.hpp).
double cross_entropy(Head const& head, std::span<float const> z, std::int32_t truth)
{
    std::vector<double> const log_p = log_probabilities(z);
    double const s = static_cast<double>(head.label_smoothing);
    double out = 0;
    for (std::size_t c = 0; c < log_p.size(); ++c) {
        double const v =
            head.class_weight.empty() ? 1.0 : static_cast<double>(head.class_weight[c]);
        double const q = (static_cast<std::int32_t>(c) == truth ? 1 - s : 0)
                         + s / static_cast<double>(log_p.size());
        if (q > 0) out -= v * q * log_p[c];
    }
    return out;
}

std::int32_t decision(std::span<float const> z)
{
    if (z.size() == 1) return z[0] > 0 ? 1 : 0;
    return static_cast<std::int32_t>(std::max_element(z.begin(), z.end()) - z.begin());
}

struct GroupSums {
    Share right;
    double score = 0;
};

Group group_of(Head const& head, std::int32_t label, double at, GroupSums const& sums)
{
    Group out;
    out.label = head.names[static_cast<std::size_t>(label)];
    out.name = std::isfinite(at) ? fmt::format("{} {:g} GeV", out.label, at) : out.label;
    out.low = out.high = at;
    out.rows = sums.right.total;
    out.figures = {sums.right.figure("accuracy"),
                   {"mean_score", sums.score / sums.right.weight, kNan, kNan}};
    return out;
}
}  // namespace

Figure auc_figure(std::string name, OneAgainstRest const& scores, std::span<float const> weight)
{
    auto const n = static_cast<std::int64_t>(scores.score.size());
    if (n == 0) return {std::move(name), kNan};
    Context ctx = Context::cpu(1);
    double a = 0;
    auc(ctx, {.score = tensor_ref(scores.score.data(), {n}),
              .label = tensor_ref(scores.label.data(), {n}),
              .weight = weight.empty() ? TensorRef{} : tensor_ref(weight.data(), {n}),
              .auc = tensor_ref(&a, {1})});
    // Hanley and McNeil (1982), eq. 2, with their exponential model of the two probabilities.
    auto const signal =
        static_cast<double>(std::count(scores.label.begin(), scores.label.end(), 1));
    double const background = static_cast<double>(n) - signal;
    double const q1 = a / (2 - a), q2 = 2 * a * a / (1 + a);
    double const variance =
        (a * (1 - a) + (signal - 1) * (q1 - a * a) + (background - 1) * (q2 - a * a))
        / (signal * background);
    double const error = std::sqrt(std::max(0.0, variance));
    return {std::move(name), a, std::max(0.0, a - error), std::min(1.0, a + error)};
}

Figure efficiency_at(std::string name, OneAgainstRest const& scores, double mistag)
{
    RocCurve const curve = roc_curve(scores.score, scores.label);
    auto const beyond = std::upper_bound(curve.background.begin(), curve.background.end(), mistag);
    auto const signal = std::count(scores.label.begin(), scores.label.end(), 1);
    if (signal == 0 || beyond == curve.background.begin()) return {std::move(name), kNan};
    double const share =
        curve.signal[static_cast<std::size_t>(beyond - curve.background.begin()) - 1];
    Efficiency const e = efficiency(std::llround(share * static_cast<double>(signal)), signal);
    return {std::move(name), e.value, e.low, e.high};
}

void judge_classes(HeadJudgement& out,
                   Head const& head,
                   HeadRows const& rows,
                   std::span<double const> groups)
{
    std::size_t const num_classes = head.names.size();
    out.confusion.assign(num_classes, std::vector<std::int64_t>(num_classes));
    Share right;
    std::map<std::pair<std::int32_t, double>, GroupSums> by_group;
    std::map<std::int32_t, GroupSums> by_class;
    for (std::int64_t i = 0; i < rows.size(); ++i) {
        auto const at = static_cast<std::size_t>(i);
        std::int32_t const truth = rows.label[at], taken = decision(rows.of(i));
        double const w = rows.weight_of(i);
        out.loss += w * cross_entropy(head, rows.of(i), truth);
        right.add(truth == taken, w);
        ++out.confusion[static_cast<std::size_t>(truth)][static_cast<std::size_t>(taken)];
        bool const known = !groups.empty() && std::isfinite(groups[at]);
        GroupSums& g = known ? by_group[{truth, groups[at]}] : by_class[truth];
        g.right.add(truth == taken, w);
        auto const scored = rows.width == 1 ? std::size_t{1} : static_cast<std::size_t>(truth);
        g.score += w * std::exp(log_probabilities(rows.of(i))[scored]);
    }
    out.loss /= static_cast<double>(rows.size());
    out.figures.push_back(right.figure("accuracy"));
    for (auto const& [key, sums] : by_group)
        out.groups.push_back(group_of(head, key.first, key.second, sums));
    for (auto const& [label, sums] : by_class)
        out.groups.push_back(group_of(head, label, kNan, sums));
    if (head.kind == TaskKind::binary) {
        out.figures.push_back(auc_figure("auc", one_against_rest(rows, 1), rows.weight));
        return;
    }
    std::vector<Figure> each;
    double sum = 0;
    for (std::size_t c = 0; c < num_classes; ++c) {
        OneAgainstRest const scores = one_against_rest(rows, static_cast<std::int32_t>(c));
        each.push_back(auc_figure("auc." + head.names[c], scores, rows.weight));
        sum += each.back().value;
        auto const rest =
            static_cast<double>(std::count(scores.label.begin(), scores.label.end(), 0));
        for (double const mistag : kMistagRates)
            if (rest * mistag >= kMinMistagged)
                each.push_back(efficiency_at(
                    fmt::format("efficiency.{}@{:g}", head.names[c], mistag), scores, mistag));
    }
    out.figures.push_back({"macro_auc", sum / static_cast<double>(num_classes), kNan, kNan});
    out.figures.insert(out.figures.end(), each.begin(), each.end());
}
}  // namespace calofuse
