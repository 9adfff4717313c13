#include "driver/commands/column_view.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "driver/report/plot/plot.hpp"

namespace calofuse::commands {
namespace {
/// Heights in eighths of a line: the highest bin is a full block.
std::string drawn(std::vector<std::int64_t> const& histogram)
{
    constexpr char const* kBlocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    std::int64_t const most =
        histogram.empty() ? 0 : *std::max_element(histogram.begin(), histogram.end());
    std::string out;
    for (std::int64_t const n : histogram)  // what is there is seen, however little
        out += kBlocks[most == 0 ? 0 : (8 * n + most - 1) / most];
    return out;
}

std::string type_of(ColumnSpec const& spec)
{
    return spec.shape.empty()
               ? std::string(name_of(spec.dtype))
               : fmt::format("({}) {}", fmt::join(spec.shape, ", "), name_of(spec.dtype));
}
}  // namespace

Json json_of(ColumnSummary const& c)
{
    Json out = {{"name", c.spec.name},
                {"dtype", name_of(c.spec.dtype)},
                {"shape", c.spec.shape},
                {"unit", c.spec.unit},
                {"names", c.spec.names},
                {"rows", c.rows},
                {"min", c.min},
                {"max", c.max},
                {"mean", c.mean},
                {"share_of_zeros", c.share_of_zeros()},
                {"nan", c.not_a_number},
                {"infinite", c.infinite},
                {"histogram", {{"low", c.low}, {"step", c.step}, {"counts", c.histogram}}}};
    if (c.class_events.empty()) return out;
    Json& classes = out["classes"] = Json::object();
    for (std::size_t k = 0; k < c.class_events.size(); ++k)
        classes[c.spec.names[k]] = c.class_events[k];
    out["no_class"] = c.no_class;
    return out;
}

Json json_of(TableSummary const& t)
{
    return {{"name", t.name},
            {"rows", t.rows},
            {"rows_per_event", {{"min", t.min}, {"median", t.median}, {"max", t.max}}},
            {"events_without", t.without}};
}

void print_columns(std::span<ColumnSummary const> columns)
{
    print_line(fmt::format("\n{:<22} {:<18} {:>6} {:>10} {:>11} {:>11} {:>11} {:>7} {:>7}  {}",
                           "column", "type", "unit", "rows", "min", "mean", "max", "zeros", "NaN",
                           "histogram"));
    for (ColumnSummary const& c : columns) {
        print_line(fmt::format(
            "{:<22} {:<18} {:>6} {:>10} {:>11.5g} {:>11.5g} {:>11.5g} {:>6.1f}% {:>7}  {}",
            c.spec.name, type_of(c.spec), c.spec.unit.empty() ? "-" : c.spec.unit, c.rows, c.min,
            c.mean, c.max, 100 * c.share_of_zeros(), c.not_a_number, drawn(c.histogram)));
        if (c.infinite > 0) print_line(fmt::format("  {} elements are infinite", c.infinite));
        for (std::size_t k = 0; k < c.class_events.size(); ++k)
            print_line(fmt::format("  {} {}: {}", k, c.spec.names[k], c.class_events[k]));
        if (c.no_class > 0) print_line(fmt::format("  no class: {}", c.no_class));
    }
}

void print_tables(std::span<TableSummary const> tables)
{
    for (TableSummary const& t : tables)
        print_line(
            fmt::format("{}: {} rows, {} / {} / {} per event (min, median, max), {} events without",
                        t.name, t.rows, t.min, t.median, t.max, t.without));
}

std::string picture_of(std::span<ColumnSummary const> columns)
{
    constexpr int kColumns = 3;
    constexpr double kWidth = 400, kHeight = 280;
    auto const shown = static_cast<int>(columns.size());
    Svg page(kWidth * std::clamp(shown, 1, kColumns),
             kHeight * std::max(1, (shown + kColumns - 1) / kColumns), "Columns");
    for (int i = 0; i < shown; ++i) {
        ColumnSummary const& c = columns[static_cast<std::size_t>(i)];
        std::vector<double> edges, heights(c.histogram.begin(), c.histogram.end());
        for (std::size_t b = 0; b <= c.histogram.size(); ++b)
            edges.push_back(c.low + static_cast<double>(b) * c.step);
        std::string const unit = c.spec.unit.empty() ? "" : " [" + c.spec.unit + "]";
        Plot plot(c.spec.describe(), {.label = c.spec.name + unit}, {.label = "elements", .min = 0},
                  kWidth, kHeight);
        if (!heights.empty()) plot.steps(edges, heights, Ink::accent, "");
        page.picture({kWidth * (i % kColumns), kHeight * (i / kColumns)}, plot.draw());
    }
    return page.document();
}
}  // namespace calofuse::commands
