#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <numeric>

#include "driver/judge/judges.hpp"
#include "driver/judge/statistics.hpp"

namespace calofuse {
namespace {
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kBins = 10;             ///< of equal numbers of events
constexpr std::size_t kMaxSettings = 24;      ///< so many different truths have a bin each
constexpr std::int64_t kMinEventsToFit = 20;  ///< per bin

std::size_t nearest(std::vector<float> const& quantiles, double p)
{
    std::size_t out = 0;
    for (std::size_t i = 1; i < quantiles.size(); ++i)
        if (std::abs(static_cast<double>(quantiles[i]) - p)
            < std::abs(static_cast<double>(quantiles[out]) - p))
            out = i;
    return out;
}

/// One value's loss, in the scaled units it is trained in.
double loss_of(Head const& head, double x, double truth, std::size_t quantile)
{
    double const e = x - truth, d = static_cast<double>(head.delta);
    if (head.loss == RegressionLoss::squared) return e * e;
    if (head.loss == RegressionLoss::huber)
        return std::abs(e) <= d ? e * e / 2 : d * (std::abs(e) - d / 2);
    double const q = static_cast<double>(head.quantiles[quantile]);
    return e < 0 ? -q * e : (1 - q) * e;
}

double mean_loss(Head const& head, HeadRows const& rows)
{
    std::size_t const width = static_cast<std::size_t>(rows.width), values = head.names.size();
    std::size_t const per_value = width / values;
    double sum = 0;
    for (std::int64_t i = 0; i < rows.size(); ++i) {
        double event = 0;
        for (std::size_t k = 0; k < width; ++k) {
            std::size_t const v = k / per_value;
            double const mean = head.mean.empty() ? 0.0 : static_cast<double>(head.mean[v]);
            double const scale = head.scale.empty() ? 1.0 : static_cast<double>(head.scale[v]);
            double const truth =
                static_cast<double>(rows.truth[static_cast<std::size_t>(i) * values + v]);
            event += loss_of(head, (static_cast<double>(rows.of(i)[k]) - mean) / scale,
                             (truth - mean) / scale, k % per_value);
        }
        sum += rows.weight_of(i) * event / static_cast<double>(width);
    }
    return sum / static_cast<double>(rows.size());
}

/// Events `index` of a value: residuals, responses, and their weights.
struct Part {
    std::vector<double> residual, size, response, truth;
    std::vector<float> weight;
};

Part part_of(Residuals const& r,
             std::span<float const> weight,
             std::span<std::uint32_t const> index)
{
    Part out;
    for (std::uint32_t const i : index) {
        out.residual.push_back(r.predicted[i] - r.truth[i]);
        out.size.push_back(std::abs(out.residual.back()));
        out.truth.push_back(r.truth[i]);
        if (r.positive) out.response.push_back(r.predicted[i] / r.truth[i]);
        if (!weight.empty()) out.weight.push_back(weight[i]);
    }
    return out;
}

std::vector<Figure> figures_of(Part const& part)
{
    Sample const r(part.residual, part.weight), size(part.size, part.weight);
    double const rmse = std::sqrt(r.mean_of_squares());
    std::vector<double> squares = part.residual;
    for (double& s : squares)
        s *= s;
    Sample const square(squares, part.weight);
    std::vector<Figure> out = {
        with_error("bias", r.mean(), r.mean_error()),
        with_error("resolution", r.deviation(), r.deviation_error()),
        with_error("half_width_68", r.half_width(), r.half_width_error()),
        with_error("mae", size.mean(), size.mean_error()),
        with_error("rmse", rmse, rmse > 0 ? square.mean_error() / (2 * rmse) : 0)};
    if (part.response.empty()) return out;
    Sample const response(part.response, part.weight);
    out.push_back(with_error("response", response.mean(), response.mean_error()));
    out.push_back(
        with_error("response_resolution", response.deviation(), response.deviation_error()));
    out.push_back(
        with_error("response_half_width_68", response.half_width(), response.half_width_error()));
    return out;
}

/// Ends of the bins in the order of the truth: one per value where these are few, else of equal numbers;
/// equal truths are never torn apart.
std::vector<std::size_t> bin_ends(Residuals const& r, std::span<std::uint32_t const> order)
{
    std::vector<std::size_t> steps;
    for (std::size_t i = 1; i <= order.size(); ++i)
        if (i == order.size() || r.truth[order[i]] != r.truth[order[i - 1]]) steps.push_back(i);
    if (steps.size() <= kMaxSettings) return steps;
    std::vector<std::size_t> out;
    for (std::size_t k = 1; k <= kBins; ++k) {
        std::size_t const end =
            *std::lower_bound(steps.begin(), steps.end(), k * order.size() / kBins);
        if (out.empty() || end > out.back()) out.push_back(end);
    }
    return out;
}

void add_bins(HeadJudgement& out,
              Head const& head,
              std::size_t value,
              Residuals const& r,
              std::span<float const> weight)
{
    std::vector<std::uint32_t> order(r.truth.size());
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return r.truth[a] < r.truth[b]; });
    std::size_t first = 0;
    for (std::size_t const end : bin_ends(r, order)) {
        auto const index = std::span(order).subspan(first, end - first);
        Part const part = part_of(r, weight, index);
        Group g;
        g.label = head.names[value];
        g.low = r.truth[index.front()];
        g.high = r.truth[index.back()];
        std::string const unit = head.unit.empty() ? "" : " " + head.unit;
        g.name = g.low == g.high
                     ? fmt::format("{} {:.6g}{}", g.label, g.low, unit)
                     : fmt::format("{} {:.4g} – {:.4g}{}", g.label, g.low, g.high, unit);
        g.rows = std::ssize(index);
        g.figures = figures_of(part);
        Sample const truth(part.truth, part.weight);
        g.figures.push_back(with_error("truth", truth.mean(), truth.mean_error()));
        out.groups.push_back(std::move(g));
        first = end;
    }
}

/// a/sqrt(E) (+) b of the bins of a value.
std::vector<Figure> fit_figures(std::vector<Group> const& groups, std::string const& value)
{
    std::vector<double> energy, resolution, error;
    for (Group const& g : groups) {
        if (g.label != value || g.rows < kMinEventsToFit) continue;
        Figure const f = g.figure("response_resolution");
        energy.push_back(g.figure("truth").value);
        resolution.push_back(f.value);
        error.push_back((f.high - f.low) / 2);
    }
    ResolutionFit const fit = fit_resolution(energy, resolution, error);
    if (!std::isfinite(fit.a)) return {};
    return {with_error("stochastic", fit.a, fit.a_error),
            with_error("constant", fit.b, fit.b_error),
            {"fit_chi2", fit.chi2, kNan, kNan},
            {"fit_points", static_cast<double>(fit.points), kNan, kNan}};
}

std::vector<Figure> quantile_figures(Head const& head,
                                     HeadRows const& rows,
                                     std::size_t value,
                                     Residuals const& r)
{
    std::vector<Figure> out;
    std::size_t const q = head.quantiles.size();
    for (std::size_t k = 0; k < q; ++k) {
        Share below;
        for (std::int64_t i = 0; i < rows.size(); ++i)
            below.add(r.truth[static_cast<std::size_t>(i)]
                          <= static_cast<double>(rows.of(i)[value * q + k]),
                      rows.weight_of(i));
        out.push_back(below.figure(fmt::format("coverage.q{:g}", head.quantiles[k])));
    }
    if (r.error.empty()) return out;
    std::vector<double> pulls;
    std::vector<float> weight;
    for (std::size_t i = 0; i < r.truth.size(); ++i) {
        if (!(r.error[i] > 0)) continue;  // crossed quantiles predict no error
        pulls.push_back((r.truth[i] - r.predicted[i]) / r.error[i]);
        if (!rows.weight.empty()) weight.push_back(rows.weight[i]);
    }
    Sample const pull(pulls, weight);
    out.push_back(with_error("pull_mean", pull.mean(), pull.mean_error()));
    out.push_back(with_error("pull_width", pull.deviation(), pull.deviation_error()));
    out.push_back({"pulls", static_cast<double>(pulls.size()), kNan, kNan});
    return out;
}
}  // namespace

Residuals residuals(Head const& head, HeadRows const& rows, std::size_t value)
{
    Residuals out;
    std::size_t const q = std::max<std::size_t>(head.quantiles.size(), 1),
                      values = head.names.size();
    std::size_t const middle = nearest(head.quantiles, 0.5);
    double const tail = (1 - kOneSigma) / 2;
    std::size_t const low = nearest(head.quantiles, tail), high = nearest(head.quantiles, 1 - tail);
    double width = 0;  // in standard deviations
    if (low < middle && middle < high)
        width = normal_quantile(static_cast<double>(head.quantiles[high]))
                - normal_quantile(static_cast<double>(head.quantiles[low]));
    for (std::int64_t i = 0; i < rows.size(); ++i) {
        std::span<float const> const of = rows.of(i).subspan(value * q, q);
        out.truth.push_back(
            static_cast<double>(rows.truth[static_cast<std::size_t>(i) * values + value]));
        out.predicted.push_back(static_cast<double>(of[middle]));
        if (width > 0)
            out.error.push_back((static_cast<double>(of[high]) - static_cast<double>(of[low]))
                                / width);
        out.positive = out.positive && out.truth.back() > 0;
    }
    return out;
}

void judge_values(HeadJudgement& out, Head const& head, HeadRows const& rows)
{
    out.loss = mean_loss(head, rows);
    std::vector<std::uint32_t> all(static_cast<std::size_t>(rows.size()));
    std::iota(all.begin(), all.end(), 0U);
    for (std::size_t v = 0; v < head.names.size(); ++v) {
        Residuals const r = residuals(head, rows, v);
        std::vector<Figure> figures = figures_of(part_of(r, rows.weight, all));
        add_bins(out, head, v, r, rows.weight);
        if (head.unit == "GeV" && r.positive)
            for (Figure& f : fit_figures(out.groups, head.names[v]))
                figures.push_back(std::move(f));
        for (Figure& f : quantile_figures(head, rows, v, r))
            figures.push_back(std::move(f));
        for (Figure& f : figures) {
            if (head.names.size() > 1) f.name += "." + head.names[v];
            out.figures.push_back(std::move(f));
        }
    }
}
}  // namespace calofuse
