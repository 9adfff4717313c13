#include "models/task/targets.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace calofuse {
namespace {
bool is_known_class(Column const& column, double value)
{
    return value >= 0 && !(column.spec.dtype == DType::u8 && value == 255);
}

bool is_missing(Head const& head, double value)
{
    return value == head.missing || (head.skip_nan && std::isnan(value));
}

void check_head(Head const& head, Dataset const& data)
{
    Column const& column = data.at(head.target);
    check_type(head, column);
    std::int64_t const each = head.num_targets();
    if (column.spec.row_size() != each)
        throw_no_fit(head, column,
                     fmt::format("an event has {} numbers, the task predicts {}",
                                 column.spec.row_size(), each));
    auto const classes = static_cast<double>(head.names.size());
    for (std::int64_t i = 0; i < data.size() * each; ++i) {
        double const value = column.value(i);
        if (is_missing(head, value)) continue;
        bool const regression = head.kind == TaskKind::regression;
        if (regression && !std::isfinite(value))
            throw Error(Exit::data, "CF-TSK-04",
                        fmt::format("column {}: {} is {}", quoted(head.target),
                                    name_of_event(data, i / each), value),
                        "set task.missing if events without a target are to be left out");
        if (!regression && is_known_class(column, value) && value >= classes)
            throw Error(
                Exit::data, "CF-TSK-03",
                fmt::format("column {}: {} is of class {}, the classes are 0 to {}",
                            quoted(head.target), name_of_event(data, i), value, classes - 1),
                "a class below 0, or 255 in a u8 column, means that it is not known");
    }
}

void check_weight(std::string const& name, Dataset const& data)
{
    Column const& column = data.at(name);
    if (!column.spec.table().empty() || column.spec.row_size() != 1)
        throw Error(Exit::data, "CF-TSK-02",
                    "column " + column.spec.describe() + " is no weight: one number per event");
    for (std::int64_t event = 0; event < data.size(); ++event) {
        double const value = column.value(event);
        if (!(value >= 0 && std::isfinite(value)))
            throw Error(Exit::data, "CF-TSK-06",
                        fmt::format("column {}: the weight of {} is {}", quoted(name),
                                    name_of_event(data, event), value),
                        "weights are 0 or more; leave events out with a weight of 0");
    }
}
}  // namespace

std::string name_of_event(Dataset const& data, std::int64_t event)
{
    auto const i = static_cast<std::size_t>(event);
    if (i >= data.file_id.size() || data.file_id[i] >= data.files.size())
        return fmt::format("event {}", event);
    return fmt::format("event {} (row {} of {})", event, data.event_index[i],
                       quoted(data.files[data.file_id[i]].path));
}

char const* name_of(TaskKind kind)
{
    return kind == TaskKind::binary    ? "binary"
           : kind == TaskKind::classes ? "classes"
                                       : "regression";
}

void throw_no_fit(Head const& head, Column const& column, std::string const& why)
{
    throw Error(Exit::data, "CF-TSK-02",
                fmt::format("column {} cannot be the target of a task of kind {}: {}",
                            column.spec.describe(), name_of(head.kind), why),
                "choose another task.kind or task.target");
}

std::int64_t num_classes(Column const& column)
{
    if (!column.spec.names.empty()) return std::ssize(column.spec.names);
    double highest = -1;
    for (std::int64_t i = 0; i < column.rows() * column.spec.row_size(); ++i)
        if (is_known_class(column, column.value(i))) highest = std::max(highest, column.value(i));
    return static_cast<std::int64_t>(highest) + 1;
}

void check_type(Head const& head, Column const& column)
{
    if (!column.spec.table().empty())
        throw_no_fit(head, column, "it has a row per row of " + column.spec.table());
    if (head.kind == TaskKind::regression) return;
    if (column.spec.dtype == DType::f32) throw_no_fit(head, column, "classes are integers");
    if (column.spec.row_size() != 1)
        throw_no_fit(head, column,
                     fmt::format("it has {} numbers per event", column.spec.row_size()));
}

bool has_target(Head const& head, Dataset const& data, std::int64_t event)
{
    Column const& column = data.at(head.target);
    std::int64_t const each = head.num_targets();
    for (std::int64_t i = event * each; i < (event + 1) * each; ++i) {
        double const value = column.value(i);
        if (is_missing(head, value) || !std::isfinite(value)) return false;
        if (head.kind != TaskKind::regression
            && (!is_known_class(column, value) || value >= static_cast<double>(head.names.size())))
            return false;
    }
    return true;
}

bool has_target(Task const& task, Dataset const& data, std::int64_t event)
{
    return std::all_of(task.heads.begin(), task.heads.end(), [&](Head const& head) {
        return data.has(head.target) && has_target(head, data, event);
    });
}

void check_targets(Task const& task, Dataset const& data)
{
    for (Head const& head : task.heads)
        check_head(head, data);
    if (!task.weight.empty()) check_weight(task.weight, data);
}
}  // namespace calofuse
