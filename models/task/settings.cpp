#include <algorithm>
#include <cmath>

#include "kernels/loss/add_losses.hpp"
#include "kernels/loss/regression.hpp"
#include "models/task.hpp"
#include "models/task/lists.hpp"
#include "models/task/targets.hpp"

namespace calofuse {
namespace {
constexpr std::int64_t kMostClasses = 4096;

OptionSpec text(char const* key, char const* fallback, char const* help)
{
    return {.key = key, .fallback = std::string(fallback), .help = help};
}

Column const& target_column(Dataset const& data, std::string const& name, char const* key)
{
    auto const found = data.columns.find(name);
    if (found == data.columns.end())
        throw Error(Exit::data, "CF-TSK-01",
                    fmt::format("the data have no column {} ({})", quoted(name), key),
                    "they have " + data.describe_columns());
    return found->second;
}

std::vector<std::string> target_names(Options const& settings)
{
    auto names = words_of(settings.get_string("task.target"));
    if (names.empty()) names.emplace_back("label");
    auto const most = static_cast<std::size_t>(LossFactors::kMost);
    if (names.size() > most)
        throw Error(Exit::config, "CF-TSK-07",
                    fmt::format("task.target names {} columns, at most {} are possible",
                                names.size(), most));
    return names;
}

/// One word for all heads, or one per head.
TaskKind kind_of(Options const& settings, std::size_t head, std::size_t heads, Column const& column)
{
    auto const words = words_of(settings.get_string("task.kind"));
    if (words.size() != 1) check_count("task.kind", words.size(), heads, "target");
    std::string const& word = words[words.size() == 1 ? 0 : head];
    if (word == "binary") return TaskKind::binary;
    if (word == "classes") return TaskKind::classes;
    if (word == "regression") return TaskKind::regression;
    if (word != "auto")
        throw Error(Exit::config, "CF-TSK-07",
                    fmt::format("task.kind: {} is none of auto, binary, classes, regression",
                                quoted(word)));
    if (column.spec.dtype == DType::f32) return TaskKind::regression;
    return num_classes(column) > 2 ? TaskKind::classes : TaskKind::binary;
}

void name_classes(Head& head, Column const& column)
{
    std::int64_t const classes = num_classes(column);
    if (classes > kMostClasses)
        throw_no_fit(
            head, column,
            fmt::format("it has {} classes, at most {} are possible", classes, kMostClasses));
    if (head.kind == TaskKind::binary && std::ssize(column.spec.names) > 2)
        throw_no_fit(head, column, fmt::format("it has {} classes", classes));
    head.names = column.spec.names;
    std::int64_t const wanted =
        head.kind == TaskKind::binary ? 2 : std::max<std::int64_t>(classes, 2);
    while (std::ssize(head.names) < wanted)
        head.names.push_back(std::to_string(head.names.size()));
}

void name_values(Head& head, ColumnSpec const& spec)
{
    std::int64_t const values = spec.row_size();
    head.names = spec.names;
    if (std::ssize(head.names) == values) return;
    head.names.clear();
    for (std::int64_t d = 0; d < values; ++d)
        head.names.push_back(values == 1 ? spec.name : fmt::format("{}[{}]", spec.name, d));
}

void read_missing(Head& head, std::string const& setting)
{
    head.skip_nan = setting == "nan";
    if (setting.empty() || head.skip_nan) return;
    constexpr double kAny = std::numeric_limits<double>::infinity();
    auto const numbers = numbers_of("task.missing", setting, -kAny, kAny);
    check_count("task.missing", numbers.size(), 1, "task");
    head.missing = numbers[0];
}

void read_regression(Head& head, Options const& settings)
{
    std::string const& loss = settings.get_string("task.loss");
    head.loss = loss == "huber"      ? RegressionLoss::huber
                : loss == "quantile" ? RegressionLoss::quantile
                                     : RegressionLoss::squared;
    head.delta = static_cast<float>(settings.get_double("task.huber_delta"));
    if (head.loss != RegressionLoss::quantile) return;
    auto const numbers = numbers_of("task.quantiles", settings.get_string("task.quantiles"), 0, 1);
    head.quantiles.assign(numbers.begin(), numbers.end());
    bool const rising = std::is_sorted(numbers.begin(), numbers.end(), std::less_equal<>());
    if (numbers.empty() || std::ssize(numbers) > Quantiles::kMost || !rising)
        throw Error(Exit::config, "CF-TSK-07",
                    fmt::format("task.quantiles: {} is no rising list of 1 to {} numbers",
                                quoted(settings.get_string("task.quantiles")), Quantiles::kMost));
}

Head make_head(Options const& settings, Dataset const& data, std::size_t h, std::size_t heads)
{
    Head head;
    head.target = target_names(settings)[h];
    Column const& column = target_column(data, head.target, "task.target");
    head.kind = kind_of(settings, h, heads, column);
    head.unit = column.spec.unit;
    check_type(head, column);
    read_missing(head, settings.get_string("task.missing"));
    if (head.kind == TaskKind::regression) {
        name_values(head, column.spec);
        read_regression(head, settings);
    } else {
        name_classes(head, column);
        head.label_smoothing = static_cast<float>(settings.get_double("task.label_smoothing"));
    }
    return head;
}

void check_both_classes(Head const& head, Dataset const& data)
{
    std::vector<std::int64_t> events(2);
    for (std::int64_t event = 0; event < data.size(); ++event)
        if (has_target(head, data, event))
            ++events[static_cast<std::size_t>(data.at(head.target).value(event))];
    for (std::size_t c = 0; c < 2; ++c)
        if (events[c] == 0)
            throw Error(Exit::data, "CF-TSK-05",
                        fmt::format("column {} has 0 events of class {} ({}) and {} of class {}",
                                    quoted(head.target), c, head.names[c], events[1 - c], 1 - c),
                        "two classes are told apart; add files of the missing one");
}
}  // namespace

OptionSchema task_schema()
{
    OptionSchema out{
        text("task.target", "", "column that is predicted; several, with commas: as many heads"),
        text("task.kind", "auto", "auto, binary, classes or regression; one, or one per target"),
        text("task.weight", "", "column of sample weights"),
        text("task.head_weights", "", "of several targets in the loss, with commas; empty: 1 each"),
        text("task.missing", "", "target value of events without a target; nan: NaN"),
        text("task.class_weights", "none", "none, balanced, or a number per class, with commas"),
        {"task.label_smoothing", 0.0, "share of a class that is given to all", 0.0, 0.99},
        text("task.loss", "squared", "of a regression"),
        {"task.huber_delta", 1.0, "where huber turns linear, in scaled units", 1e-6, 1e6},
        text("task.quantiles", "0.16,0.5,0.84", "that loss = quantile predicts"),
        {"task.scale_target", true, "a regression learns (target - mean) / standard deviation"}};
    for (OptionSpec& spec : out)
        if (spec.key == "task.loss") spec.choices = {"squared", "huber", "quantile"};
    return out;
}

Task make_task(Options const& settings, Dataset const& data)
{
    Task task;
    std::size_t const heads = target_names(settings).size();
    for (std::size_t h = 0; h < heads; ++h)
        task.heads.push_back(make_head(settings, data, h, heads));
    constexpr double kMost = 1e6;
    auto const weights =
        numbers_of("task.head_weights", settings.get_string("task.head_weights"), 0, kMost);
    if (!weights.empty()) check_count("task.head_weights", weights.size(), heads, "target");
    for (std::size_t h = 0; h < weights.size(); ++h)
        task.heads[h].weight = weights[h];
    task.weight = settings.get_string("task.weight");
    if (!task.weight.empty()) target_column(data, task.weight, "task.weight");
    check_targets(task, data);
    for (Head const& head : task.heads)
        if (head.kind == TaskKind::binary) check_both_classes(head, data);
    return task;
}
}  // namespace calofuse
