#include "driver/report/figures.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace calofuse {
namespace {
/// Epochs are counted from where the run counts them; air on both sides for a single one.
Axis epoch_axis()
{
    return {.label = "epoch", .whole = true};
}

void mark_best(Plot& plot, ReportData const& data)
{
    plot.vertical_guide(static_cast<double>(data.best_epoch),
                        fmt::format("best: {}", data.best_epoch));
}
}  // namespace

Svg curve_plot(ReportData const& data, std::string const& name, std::string const& title)
{
    Plot plot(title, epoch_axis(), {.label = name});
    Curve const train = data.curve("train", name), valid = data.curve("valid", name);
    plot.dashed_line(train.epoch, train.value, Ink::training, "training");
    plot.line(valid.epoch, valid.value, Ink::validation, "validation");
    mark_best(plot, data);
    return plot.draw();
}

Svg learning_rate_plot(ReportData const& data)
{
    Plot plot("Learning rate", epoch_axis(), {.label = "learning rate", .scale = Scale::log});
    Curve const rate = data.curve("train", "learning_rate");
    plot.line(rate.epoch, rate.value, Ink::accent, "");
    mark_best(plot, data);
    return plot.draw();
}

Svg speed_plot(ReportData const& data)
{
    Plot plot("Training speed", epoch_axis(), {.label = "events per second", .min = 0});
    Curve const speed = data.curve("train", "events_per_s");
    plot.line(speed.epoch, speed.value, Ink::accent, "");
    return plot.draw();
}

Svg roc_plot(Scored const& scored)
{
    Plot plot("ROC",
              {.label = scored.background + " efficiency (false positives)", .min = 0, .max = 1},
              {.label = scored.signal + " efficiency", .min = 0, .max = 1.02});
    plot.diagonal();
    plot.line(
        scored.roc.background, scored.roc.signal, Ink::accent,
        std::isfinite(scored.auc) ? fmt::format("AUC {:.4f}", scored.auc) : "needs both classes");
    return plot.draw();
}

Svg rejection_plot(Scored const& scored)
{
    Plot plot("Background rejection", {.label = scored.signal + " efficiency", .min = 0, .max = 1},
              {.label = "1 / " + scored.background + " efficiency", .scale = Scale::log, .min = 1});
    std::vector<double> x, low, middle, high;
    for (int i = 1; i <= 200; ++i) {
        WorkingPoint const point = working_point(scored, i / 200.0);
        x.push_back(point.signal.value);
        middle.push_back(point.rejection);  // a gap where no background is left
        low.push_back(point.rejection_low);
        high.push_back(point.rejection_high);
    }
    plot.band(x, low, high, Ink::accent);
    plot.line(x, middle, Ink::accent, "test events");
    std::vector<double> chance_x, chance_y;
    for (int i = 1; i <= 100; ++i) {
        chance_x.push_back(i / 100.0);
        chance_y.push_back(100.0 / i);
    }
    plot.dashed_line(chance_x, chance_y, Ink::neutral, "guessing");
    return plot.draw();
}

Svg score_plot(Scored const& scored, ScoreHistogram const& histogram)
{
    Plot plot("Scores of the test events",
              {.label = "score (probability of " + scored.signal + ")", .min = 0, .max = 1},
              {.label = "events per bin", .scale = Scale::log, .min = 0.7});
    plot.steps(histogram.edges, histogram.background, Ink::background,
               "labelled " + scored.background);
    plot.steps(histogram.edges, histogram.signal, Ink::signal, "labelled " + scored.signal);
    return plot.draw();
}

Svg threshold_plot(Scored const& scored)
{
    Plot plot("Choice of the threshold", {.label = "threshold on the score", .min = 0, .max = 1},
              {.label = "fraction", .min = 0, .max = 1.02});
    std::vector<double> x, accuracy, signal, background, purity;
    for (int i = 0; i <= 100; ++i) {
        Decisions const d = decisions(scored, i / 100.0);
        x.push_back(i / 100.0);
        accuracy.push_back(d.accuracy.value);
        signal.push_back(d.signal.value);
        background.push_back(d.background.value);
        purity.push_back(d.purity.value);
    }
    plot.line(x, background, Ink::background, scored.background + " rejected");
    plot.line(x, signal, Ink::signal, scored.signal + " kept");
    plot.dashed_line(x, purity, Ink::signal, "purity of " + scored.signal);
    plot.line(x, accuracy, Ink::neutral, "accuracy");
    plot.vertical_guide(0.5, "0.5");
    return plot.draw();
}

Svg energy_plot(std::span<Group const> groups, std::vector<std::string> const& names)
{
    double lowest = 1;
    for (Group const& g : groups)
        lowest = std::min(lowest, g.figure("accuracy").low);
    Plot plot("Right decisions by beam energy", {.label = "beam energy / GeV", .min = 0},
              {.label = "fraction called right",
               .min = std::max(0.0, std::floor(lowest * 10 - 0.5) / 10),
               .max = 1.005});
    for (std::size_t c = 0; c < names.size(); ++c) {
        Ink const ink = c == 1 ? Ink::signal : Ink::background;
        std::vector<double> x, value, low, high;
        for (Group const& g : groups) {
            if (g.label != names[c]) continue;
            Figure const accuracy = g.figure("accuracy");
            x.push_back(g.low);
            value.push_back(accuracy.value);
            low.push_back(accuracy.low);
            high.push_back(accuracy.high);
        }
        plot.band(x, low, high, ink);
        plot.line(x, value, ink, "");
        plot.markers(x, value, low, high, ink, names[c]);
    }
    return plot.draw();
}

Svg calibration_plot(Scored const& scored, Calibration const& calibration)
{
    Plot plot("Calibration", {.label = "mean score of the bin", .min = 0, .max = 1},
              {.label = "share of " + scored.signal, .min = 0, .max = 1.02});
    plot.diagonal();
    std::vector<double> x, share, low, high;
    for (CalibrationBin const& bin : calibration.bins) {
        x.push_back(bin.mean_score);
        Efficiency const share_of = efficiency(bin.num_signal, bin.num_events);
        share.push_back(share_of.value);
        low.push_back(share_of.low);
        high.push_back(share_of.high);
    }
    plot.line(x, share, Ink::accent, "");
    plot.markers(x, share, low, high, Ink::accent, "test events");
    return plot.draw();
}
}  // namespace calofuse
