#include "driver/focalh/report_hits.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <map>

#include "driver/report/plot/plot.hpp"
#include "driver/train/run_directory.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kBins = 10;

bool counted(Prediction const& p, std::int32_t hits)
{
    return p.label != Label::unknown && hits >= 0;
}

/// Ranges of the number of hits that hold about equal numbers of events.
std::vector<HitBin> ranges(std::map<std::int32_t, std::int64_t> const& events_with)
{
    std::int64_t many = 0, collected = 0;  // events with 2 hits or more
    for (auto const& [hits, events] : events_with)
        many += hits >= 2 ? events : 0;
    std::int64_t const enough = std::max<std::int64_t>(1, (many + kBins - 1) / kBins);
    std::vector<HitBin> out;
    bool open = false;
    for (auto const& [hits, events] : events_with) {
        if (!open) {
            HitBin bin;
            bin.low = hits;
            out.push_back(bin);
            collected = 0;
        }
        out.back().high = hits;
        collected += events;
        open = hits >= 2 && collected < enough;
    }
    bool const thin = open && 2 * collected < enough;
    if (thin && out.size() > 1 && out[out.size() - 2].low >= 2) {
        out[out.size() - 2].high = out.back().high;
        out.pop_back();
    }
    return out;
}

struct Sums {
    std::int64_t events = 0, right = 0;
    double hits = 0, score = 0, score2 = 0;

    HitBin::Class result() const
    {
        if (events == 0) return {efficiency(0, 0), kNan, kNan, kNan};
        auto const n = static_cast<double>(events);
        double const mean = score / n;
        double const variance = std::max(0.0, score2 / n - mean * mean);
        return {efficiency(right, events), hits / n, mean,
                events > 1 ? std::sqrt(variance / (n - 1)) : 0};
    }
};

constexpr Label kLabels[] = {Label::hadron, Label::electron};

Ink ink_of(Label label)
{
    return label == Label::electron ? Ink::signal : Ink::background;
}

/// Starts a little left of 0, where the events without hits are.
Axis hits_axis(std::span<HitBin const> bins)
{
    double most = 1;
    for (HitBin const& bin : bins)
        for (HitBin::Class const& c : bin.by_label)
            if (c.correct.total > 0) most = std::max(most, c.hits);
    return {.label = "hits of the event (mean of the bin)", .min = -most / 30};
}
}  // namespace

ReportHits read_report_hits(ReportData const& data, FocalhEvents const* events)
{
    ReportHits out;
    if (!is_hit_network(data.model)) return out;
    if (events == nullptr) {
        out.why_not = "Figures about hits are left out: there is no store to make them from.";
        return out;
    }
    try {
        out.ctx = std::make_unique<Context>(Context::cpu(1));
        Checkpoint const best =
            Checkpoint::read(RunDirectory::open(data.run_dir).checkpoint("best"));
        out.viewer = std::make_unique<HitViewer>(*out.ctx, best, events->data);
    } catch (Error const& e) {
        out.why_not = fmt::format("Figures about hits are left out: {}", e.what());
    }
    return out;
}

std::string HitBin::range() const
{
    return low == high ? fmt::format("{}", low) : fmt::format("{} – {}", low, high);
}

std::vector<std::int32_t> hits_of(std::span<Prediction const> predictions,
                                  FocalhEvents const& events,
                                  HitViewer& viewer)
{
    std::map<std::pair<std::int64_t, std::int64_t>, std::int32_t> row_of;
    for (std::size_t row = 0; row < events.file_id.size(); ++row)
        row_of[{events.file_id[row], events.event_index[row]}] = static_cast<std::int32_t>(row);
    std::vector<std::int32_t> rows, out(predictions.size(), -1);
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < predictions.size(); ++i) {
        auto const found = row_of.find({predictions[i].file_id, predictions[i].event_index});
        if (found == row_of.end()) continue;
        rows.push_back(found->second);
        places.push_back(i);
    }
    std::vector<std::int32_t> const hits = viewer.num_hits(rows);
    for (std::size_t k = 0; k < places.size(); ++k)
        out[places[k]] = hits[k];
    return out;
}

std::vector<HitBin> hit_bins(std::span<Prediction const> predictions,
                             std::span<std::int32_t const> hits,
                             float threshold)
{
    CALOFUSE_CHECK(predictions.size() == hits.size(),
                   predictions.size() << " predictions, " << hits.size() << " numbers of hits");
    std::map<std::int32_t, std::int64_t> events_with;
    for (std::size_t i = 0; i < hits.size(); ++i)
        if (counted(predictions[i], hits[i])) ++events_with[hits[i]];
    std::vector<HitBin> out = ranges(events_with);
    std::vector<Sums> sums(2 * out.size());
    for (std::size_t i = 0; i < hits.size(); ++i) {
        Prediction const& p = predictions[i];
        if (!counted(p, hits[i])) continue;
        auto const bin = std::find_if(out.begin(), out.end(),
                                      [&](HitBin const& b) { return hits[i] <= b.high; });
        bool const electron = p.label == Label::electron;
        Sums& s = sums[2 * static_cast<std::size_t>(bin - out.begin()) + (electron ? 1 : 0)];
        double const score = static_cast<double>(p.score);
        ++s.events;
        s.right += (p.score > threshold) == electron ? 1 : 0;
        s.hits += hits[i];
        s.score += score;
        s.score2 += score * score;
    }
    for (std::size_t b = 0; b < out.size(); ++b)
        for (std::size_t label = 0; label < 2; ++label)
            out[b].by_label[label] = sums[2 * b + label].result();
    return out;
}

Svg score_by_hits_plot(std::span<HitBin const> bins)
{
    Plot plot("Mean score by number of hits", hits_axis(bins),
              {.label = "mean score", .min = 0, .max = 1.005});
    plot.horizontal_guide(0.5, "threshold");
    for (Label const label : kLabels) {
        std::vector<double> x, y, low, high;
        for (HitBin const& bin : bins) {
            HitBin::Class const& c = bin.by_label[static_cast<int>(label)];
            x.push_back(c.hits);
            y.push_back(c.score);
            low.push_back(std::max(0.0, c.score - c.score_error));
            high.push_back(std::min(1.0, c.score + c.score_error));
        }
        plot.line(x, y, ink_of(label), "");
        plot.markers(x, y, low, high, ink_of(label),
                     label == Label::electron ? "electrons" : "hadrons");
    }
    return plot.draw();
}

Svg right_by_hits_plot(std::span<HitBin const> bins)
{
    double lowest = 1;
    for (HitBin const& bin : bins)
        for (HitBin::Class const& c : bin.by_label)
            if (c.correct.total > 0) lowest = std::min(lowest, c.correct.low);
    Plot plot("Right decisions by number of hits", hits_axis(bins),
              {.label = "fraction called right",
               .min = std::max(0.0, std::floor(lowest * 10 - 0.5) / 10),
               .max = 1.005});
    for (Label const label : kLabels) {
        std::vector<double> x, y, low, high;
        for (HitBin const& bin : bins) {
            HitBin::Class const& c = bin.by_label[static_cast<int>(label)];
            x.push_back(c.hits);
            y.push_back(c.correct.value);
            low.push_back(c.correct.low);
            high.push_back(c.correct.high);
        }
        plot.band(x, low, high, ink_of(label));
        plot.line(x, y, ink_of(label), "");
        plot.markers(x, y, low, high, ink_of(label),
                     label == Label::electron ? "electrons" : "hadrons");
    }
    return plot.draw();
}

Svg num_hits_plot(std::span<Prediction const> predictions, std::span<std::int32_t const> hits)
{
    constexpr int kMaxSteps = 60;
    int const most = hits.empty() ? 0 : std::max(0, *std::max_element(hits.begin(), hits.end()));
    int const width = most / kMaxSteps + 1;
    auto const steps = static_cast<std::size_t>(most / width + 1);
    std::vector<double> edges, heights[2];
    for (std::size_t i = 0; i <= steps; ++i)
        edges.push_back(static_cast<double>(i) * width - 0.5);
    for (auto& h : heights)
        h.resize(steps);
    for (std::size_t i = 0; i < hits.size(); ++i)
        if (counted(predictions[i], hits[i]))
            ++heights[static_cast<int>(predictions[i].label)]
                     [static_cast<std::size_t>(hits[i] / width)];
    Plot plot(
        "Hits of the test events", {.label = "hits of the event", .whole = true},
        {.label = width == 1 ? "events" : fmt::format("events per {} hits", width), .min = 0});
    for (Label const label : kLabels)
        plot.steps(edges, heights[static_cast<int>(label)], ink_of(label),
                   fmt::format("labelled {}", name_of(label)));
    return plot.draw();
}

namespace {
std::string rule_of(HitViewer const& viewer)
{
    HitOptions const& o = viewer.options();
    std::string const hit =
        o.rule == HitRule::cell
            ? fmt::format("every cell more than {:g} ADC above its pedestal", o.threshold_adc)
            : fmt::format("every group of cells (rule {}) of more than {:g} ADC each",
                          name_of(o.rule), o.threshold_adc);
    return fmt::format("A hit is {}; {} {} nearest.", hit,
                       viewer.learns_edges() ? "in the space of each layer edges join it with its"
                                             : "edges join it with its",
                       o.neighbours);
}

Table table_of(std::span<HitBin const> bins)
{
    Table table{"By number of hits",
                {"hits", "hadrons", "called right", "mean score", "electrons", "called right",
                 "mean score"},
                {},
                0};
    for (HitBin const& bin : bins) {
        std::vector<std::string> row = {bin.range()};
        for (HitBin::Class const& c : bin.by_label) {
            row.push_back(with_spaces(c.correct.total));
            row.push_back(fraction(c.correct.value, 3));
            row.push_back(fraction(c.score, 3));
        }
        table.rows.push_back(std::move(row));
    }
    return table;
}
}  // namespace

Section hits_section(std::span<Prediction const> predictions,
                     FocalhEvents const* events,
                     ReportHits const& hits)
{
    std::string intro = "The network sees events as graphs of hits.";
    if (hits.viewer == nullptr || events == nullptr) {
        Section page("hits", "Hits", intro);
        page.paragraph(hits.why_not);
        return page;
    }
    Section page("hits", "Hits", intro + " " + rule_of(*hits.viewer));
    std::vector<std::int32_t> const number = hits_of(predictions, *events, *hits.viewer);
    std::vector<HitBin> const bins = hit_bins(predictions, number, kThreshold);
    page.figure(score_by_hits_plot(bins),
                {"Mean score of the events of a class with its standard error, by number of hits.",
                 "both classes on one curve: then the network counts hits and sees no shape. "
                 "Events of one hit or none have no edges, and little to tell them apart."});
    page.figure(right_by_hits_plot(bins),
                {"Share of events that are called what their label says, with 68 % "
                 "Clopper-Pearson bands.",
                 "one class near 1 and the other near 0 at the same number of hits: as above."});
    page.figure(num_hits_plot(predictions, number),
                {"Test events by number of hits.",
                 "a large share without hits or with one: the threshold is too high for "
                 "the energies at hand."});
    page.table(table_of(bins), {"Events without hits and with one hit apart, the others in bins of "
                                "about equal numbers of events.",
                                ""});
    return page;
}

std::string hits_caption(HitViewer const& viewer)
{
    if (viewer.learns_edges())
        return " Dots are hits. Their neighbours are not drawn: each layer finds its own.";
    std::string const edges =
        " Dots are hits, lines the edges between them (one for both "
        "directions)";
    if (!viewer.has_attention()) return edges + ".";
    return edges
           + ". A hit divides its attention among the edges into it and itself (mean over all heads "
             "of all layers): faint lines have an even share or less, the widest the most beyond "
             "it in their event.";
}
}  // namespace calofuse
