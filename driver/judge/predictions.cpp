#include "driver/judge/predictions.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "driver/judge/head_rows.hpp"
#include "driver/judge/judge.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
std::string prefix_of(Task const& task, Head const& head)
{
    return task.heads.size() > 1 ? head.target + "." : "";
}

/// How a column stands beside predictions: classes as i32 with their names, all else as f32.
ColumnSpec spec_beside(Task const& task, std::string const& name)
{
    ColumnSpec spec{.name = name};
    for (Head const& head : task.heads) {
        if (head.target != name) continue;
        spec.unit = head.unit;
        if (head.kind != TaskKind::regression) {
            spec.dtype = DType::i32;
            spec.names = head.names;
        } else if (head.names.size() > 1) {
            spec.shape = {std::ssize(head.names)};
            spec.names = head.names;
        }
    }
    return spec;
}

Column rows_of(Column const& column, ColumnSpec spec, std::span<std::int32_t const> rows)
{
    std::int64_t const width = column.spec.row_size();
    auto const gather = [&]<class T>(T) {
        std::vector<T> out;
        out.reserve(rows.size() * static_cast<std::size_t>(width));
        for (std::int32_t const row : rows)
            for (std::int64_t k = row * width; k < (row + 1) * width; ++k)
                out.push_back(static_cast<T>(column.value(k)));
        return make_column<T>(std::move(spec), out);
    };
    return spec.dtype == DType::i32 ? gather(std::int32_t{}) : gather(float{});
}

/// Columns beside the output: once each, though two heads may share a target.
std::vector<std::string> names_beside(Task const& task)
{
    std::vector<std::string> out;
    std::vector<std::string> wanted = task.columns();
    wanted.emplace_back(kGroupColumn);
    for (std::string const& name : wanted)
        if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
    return out;
}
}  // namespace

std::vector<std::string> output_names(Task const& task)
{
    std::vector<std::string> out;
    for (Head const& head : task.heads) {
        std::string const prefix = prefix_of(task, head);
        if (head.kind == TaskKind::binary) {
            out.push_back(prefix + "logit");
            continue;
        }
        for (std::string const& name : head.names) {
            if (head.kind == TaskKind::classes) {
                out.push_back(prefix + "logit." + name);
                continue;
            }
            std::string const predicted = prefix + "predicted." + name;
            if (head.quantiles.empty()) out.push_back(predicted);
            for (float const q : head.quantiles)
                out.push_back(fmt::format("{}.q{:g}", predicted, q));
        }
    }
    return out;
}

namespace {
/// Of regressions: from what the network predicts, (value - mean) / scale, to the target's unit.
void to_units(Task const& task, std::span<float> outputs)
{
    auto const all = static_cast<std::size_t>(task.width());
    for (std::size_t h = 0; h < task.heads.size(); ++h) {
        Head const& head = task.heads[h];
        if (head.mean.empty()) continue;
        auto const first = static_cast<std::size_t>(task.first_column(h));
        auto const width = static_cast<std::size_t>(head.width());
        for (std::size_t row = 0; row < outputs.size(); row += all) {
            auto const own = outputs.subspan(row + first, width);
            std::ranges::transform(to_values(head, own), own.begin(),
                                   [](double value) { return static_cast<float>(value); });
        }
    }
}
}  // namespace

Predictions make_predictions(Task const& task,
                             Dataset const& data,
                             std::span<std::int32_t const> rows,
                             std::span<float const> output)
{
    CALOFUSE_CHECK(
        std::ssize(output) == std::ssize(rows) * task.width(),
        rows.size() << " rows of " << task.width() << ", " << output.size() << " outputs");
    Predictions out;
    for (std::int32_t const row : rows) {
        out.file_id.push_back(data.file_id[static_cast<std::size_t>(row)]);
        out.event_index.push_back(data.event_index[static_cast<std::size_t>(row)]);
    }
    out.output = make_column<float>(
        {.name = "output", .shape = {task.width()}, .names = output_names(task)}, output);
    to_units(task, out.output.values<float>());
    for (std::string const& name : names_beside(task))
        if (data.has(name))
            out.beside.push_back(rows_of(data.at(name), spec_beside(task, name), rows));
    return out;
}

void add_probabilities(Predictions& predictions, Task const& task)
{
    std::vector<Column> found;
    std::span<float const> const output = predictions.output.values<float>();
    auto const width = static_cast<std::size_t>(task.width());
    for (std::size_t h = 0; h < task.heads.size(); ++h) {
        Head const& head = task.heads[h];
        if (head.kind == TaskKind::regression) continue;
        auto const first = static_cast<std::size_t>(task.first_column(h)),
                   own = static_cast<std::size_t>(head.width());
        std::vector<double> p;
        for (std::size_t at = first; at < output.size(); at += width) {
            std::span<float const> const z = output.subspan(at, own);
            double const sum = own == 1 ? 0 : log_sum_exp(z);
            for (float const value : z)
                p.push_back(own == 1 ? probability(static_cast<double>(value))
                                     : std::exp(static_cast<double>(value) - sum));
        }
        ColumnSpec spec{.name = prefix_of(task, head) + (own == 1 ? "score" : "probability")};
        if (own > 1) {
            spec.shape = {static_cast<std::int64_t>(own)};
            spec.names = head.names;
        }
        found.push_back(make_column<double>(std::move(spec), p));
    }
    predictions.beside.insert(predictions.beside.begin(), std::make_move_iterator(found.begin()),
                              std::make_move_iterator(found.end()));
}

Predictions read_predictions(std::string const& path, Task const& task)
{
    std::vector<ColumnSpec> beside;
    for (std::string const& name : names_beside(task))
        beside.push_back(spec_beside(task, name));
    return read_predictions(path, {.name = "output", .names = output_names(task)}, beside);
}
}  // namespace calofuse
