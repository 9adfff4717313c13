#include "driver/report/report.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>

#include "driver/report/figures.hpp"
#include "driver/report/sections.hpp"
#include "driver/report/warnings.hpp"

namespace calofuse {
namespace {
std::string duration(double seconds)
{
    if (seconds < 60) return fmt::format("{:.1f} s", seconds);
    auto const s = static_cast<std::int64_t>(std::lround(seconds));
    return s < 3600 ? fmt::format("{} min {:02} s", s / 60, s % 60)
                    : fmt::format("{} h {:02} min", s / 3600, s / 60 % 60);
}

/// Last part of the path: the report does not depend on where the run lies.
std::string run_name(ReportData const& data)
{
    std::filesystem::path const path(data.run_dir);
    return (path.has_filename() ? path : path.parent_path()).filename().string();
}

std::vector<Card> headline_cards(ReportData const& data)
{
    std::vector<Card> out;
    for (std::size_t h = 0; h < data.task.heads.size(); ++h)
        for (Card& card : head_cards(data, h))
            out.push_back(std::move(card));
    double const loss = number_of(data.valid, "loss");
    out.push_back({"Best epoch", fmt::format("{} of {}", data.best_epoch, data.epochs),
                   fmt::format("validation loss {}", fraction(loss))});
    out.push_back({"Training speed", with_spaces(std::llround(data.events_per_s)) + "/s",
                   fmt::format("{:.1f} % waiting for data", 100 * data.data_wait_fraction)});
    out.push_back({"Training time", duration(data.wall_s), data.device + ", " + data.precision});
    return out;
}

/// How a metric of metrics.jsonl is called, and what to look for. Names of a task of several heads have
/// "TARGET." in front.
struct Metrics {
    char const *name, *title, *shows, *suspicious;
};
constexpr Metrics kMetrics[] = {
    {"accuracy", "Accuracy",
     "Share of events that are called what their label says. Labels of beam events are not pure, "
     "so "
     "there is a ceiling below 1.",
     "a validation curve far below the training one, or above the purity of the labels, which "
     "would "
     "mean leakage."},
    {"auc", "AUC",
     "Probability that a random signal event scores above a random background event; does not "
     "depend "
     "on a threshold.",
     "AUC near 0.5 with a falling loss, or a value that drops when the accuracy rises."},
    {"macro_auc", "Macro AUC",
     "Mean over the classes of the AUC of one against the rest; does not depend on a threshold.",
     "a value that drops when the accuracy rises: a rare class is given up."},
    {"bias", "Bias", "Mean of predicted - true.", "a validation curve that does not settle at 0."},
    {"resolution", "Resolution", "Standard deviation of predicted - true.",
     "validation rising while training falls (overfitting)."},
};

Section learning_section(ReportData const& data)
{
    Section page(
        "learning", "Learning",
        "Each epoch is one pass over the training events. The weights of the epoch with the "
        "best validation value are the ones that all test results below belong to.");
    bool const binary = data.task.heads.size() == 1 && data.task.heads[0].kind == TaskKind::binary;
    page.figure(curve_plot(data, "loss", "Loss"),
                {binary ? "Binary cross-entropy, what the training minimises."
                        : "What the training minimises.",
                 "validation rising while training falls (overfitting), or jumps that stay "
                 "(learning rate too high)."});
    for (Metric const& metric : data.metrics) {
        std::size_t const dot = metric.name.find('.');
        for (Metrics const& known : kMetrics) {
            bool const tail = dot != metric.name.npos && metric.name.substr(dot + 1) == known.name;
            bool const head = metric.name.substr(0, dot) == known.name;
            if (metric.split != "valid" || (!head && !tail)) continue;
            page.figure(
                curve_plot(data, metric.name, dot == metric.name.npos ? known.title : metric.name),
                {known.shows, known.suspicious});
        }
    }
    page.figure(learning_rate_plot(data),
                {"Step size of the optimiser; it is lowered when the validation loss stops "
                 "improving.",
                 "a rate that falls in the first epochs already."});
    return page;
}

Section data_section(ReportData const& data)
{
    Section page("data", "Data",
                 "Every event that came in is either used or dropped for a reason counted here.");
    std::int64_t const parts = data.split[0] + data.split[1] + data.split[2];
    Table counts{"Events", {"", "events"}, {}, 1};
    counts.rows = {{"in the store", with_spaces(data.num_events)},
                   {"training", with_spaces(data.split[0])},
                   {"validation", with_spaces(data.split[1])},
                   {"test", with_spaces(data.split[2])}};
    if (parts < data.num_events)
        counts.rows.push_back(
            {"in no part (no target, or fraction < 1)", with_spaces(data.num_events - parts)});
    if (data.empty_triggers)
        counts.rows.push_back({"empty triggers (kept)", with_spaces(*data.empty_triggers)});
    counts.rows.push_back(
        {"with a value clipped into the range (kept)", with_spaces(data.clipped)});
    for (auto const& [reason, count] : data.dropped)
        counts.rows.push_back({"dropped: " + reason, with_spaces(count)});
    if (data.dropped.empty()) counts.rows.push_back({"dropped", "0"});
    page.table(counts, data.empty_triggers
                           ? Caption{"Empty triggers are events in which no cell saw a particle.",
                                     "many of them in one file only."}
                           : Caption{});
    Table files{"Files", {"file"}, {}, 1};
    if (!data.files.empty())
        for (auto const& [name, value] : data.files[0].columns)
            files.header.push_back(name == "energy_gev" ? "GeV" : name);
    files.text_columns = files.header.size() > 1 ? 2 : 1;
    files.header.emplace_back("events");
    for (RunFile const& file : data.files) {
        std::vector<std::string> row = {file.path};
        for (auto const& [name, value] : file.columns)
            row.push_back(value.empty() ? "–" : value);
        row.push_back(with_spaces(file.num_events));
        files.rows.push_back(std::move(row));
    }
    page.table(files, {"Store " + data.store + ", sha256 " + data.store_sha256, ""});
    return page;
}

Section run_section(ReportData const& data)
{
    Section page("run", "Time, settings, environment", "What is needed to make this run again.");
    Table timing{"Time", {"stage", "s", "share"}, {}, 1};
    double total = 0;
    for (auto const& [name, seconds] : data.timing)
        total += seconds;
    for (auto const& [name, seconds] : data.timing)
        timing.rows.push_back({name, fmt::format("{:.2f}", seconds),
                               total > 0 ? fmt::format("{:.1f} %", 100 * seconds / total) : "–"});
    timing.rows.push_back({"sum", fmt::format("{:.2f}", total), ""});
    auto const list = [](std::string const& title, NamedValues const& values) {
        Table table{title, {"name", "value"}, {}, 2};
        for (auto const& [name, value] : values)
            table.rows.push_back({name, value});
        return table;
    };
    page.begin_stack();
    page.table(timing, {"Wall-clock time by stage.",
                        "a stage other than the training steps that takes most of it."});
    page.table(list("Environment", data.environment));
    page.end_stack();
    page.begin_stack();
    if (!data.curve("train", "events_per_s").empty())
        page.figure(speed_plot(data), {"Events trained per second of wall clock.",
                                       "a slow decline: another job on the machine, or memory that "
                                       "runs out."});
    page.table(list("Settings (config.toml)", data.settings));
    page.end_stack();
    return page;
}

}  // namespace

std::string report_html(ReportData const& data, std::vector<Section> const& more)
{
    std::string facts = fmt::format("{} events in {} files, {} for testing. Device {}, {}.",
                                    with_spaces(data.num_events), data.files.size(),
                                    with_spaces(data.split[2]), data.device, data.precision);
    if (std::string const date = data.environment_value("date"); !date.empty())
        facts += " Trained " + date + ".";
    ReportPage page("CaloFuse: " + data.model, "Training run " + run_name(data), facts);
    page.warnings(find_warnings(data));
    page.cards(headline_cards(data));
    page.add(learning_section(data));
    for (std::size_t h = 0; h < data.task.heads.size(); ++h)
        for (Section const& section : head_sections(data, h))
            page.add(section);
    for (Section const& section : more)
        page.add(section);
    page.add(data_section(data));
    page.add(run_section(data));
    return page.html();
}
}  // namespace calofuse
