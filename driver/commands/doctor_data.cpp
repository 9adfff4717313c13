#include "driver/commands/doctor_data.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "driver/cli/settings.hpp"
#include "driver/train/checkpoint.hpp"
#include "driver/train/inputs.hpp"
#include "driver/train/run_directory.hpp"
#include "io/import/import.hpp"
#include "io/store/store.hpp"
#include "models/registry.hpp"
#include "models/task/targets.hpp"
#include "runtime/error.hpp"

namespace calofuse::commands {
namespace {
/// The largest class has so many times the events of the smallest.
constexpr std::int64_t kImbalance = 10;

void add(Json& findings, std::string const& kind, std::string const& about, std::string const& text)
{
    findings.push_back({{"kind", kind}, {"about", about}, {"text", text}});
}

void look_at_columns(Dataset const& data, Json& findings)
{
    for (auto const& [name, column] : data.columns) {
        NotFinite const bad = not_finite_in(column);
        if (bad.count > 0)
            add(findings, "not_finite", name,
                fmt::format("column {}: {}", calofuse::quoted(name, 60),
                            describe(bad, data, column)));
    }
    for (ColumnWarning const& warning : column_warnings(data))
        add(findings, warning.kind, warning.column, warning.text);
}

Json classes_of(Head const& head, Dataset const& data, Json& findings)
{
    std::vector<std::int64_t> events(head.names.size());
    for (std::int64_t e = 0; e < data.size(); ++e)
        if (has_target(head, data, e))
            ++events[static_cast<std::size_t>(data.at(head.target).value(e))];
    Json classes = Json::object();
    for (std::size_t c = 0; c < events.size(); ++c)
        classes[head.names[c]] = events[c];
    auto const [least, most] = std::minmax_element(events.begin(), events.end());
    if (*most > kImbalance * *least)
        add(findings, "imbalance", head.target,
            fmt::format("column {}: {} events of class {}, {} of class {}: accuracy says little; "
                        "task.class_weights = balanced weighs them alike",
                        calofuse::quoted(head.target, 60), *most, head.names[most - events.begin()],
                        *least, head.names[least - events.begin()]));
    return classes;
}

Json look_at_targets(Options const& settings, Dataset const& data, Json& findings)
{
    Json out = Json::array();
    try {
        for (Head const& head : make_task(settings, data).heads) {
            std::int64_t without = 0;
            for (std::int64_t e = 0; e < data.size(); ++e)
                without += has_target(head, data, e) ? 0 : 1;
            out.push_back(
                {{"column", head.target}, {"kind", name_of(head.kind)}, {"without", without}});
            if (without > 0)
                add(findings, "no_target", head.target,
                    fmt::format("column {}: {} of {} events have no target; no part of a split "
                                "holds them",
                                calofuse::quoted(head.target, 60), without, data.size()));
            if (head.kind != TaskKind::regression)
                out.back()["classes"] = classes_of(head, data, findings);
        }
    } catch (Error const& e) {  // what train would say
        add(findings, "target", "task.target",
            fmt::format("{}: {} ({})", e.code(), e.what(), e.hint()));
    }
    return out;
}

/// Dropout scales the variance of what follows in training, not in evaluation: a batch norm behind
/// it that keeps running statistics then normalises by the wrong ones.
void look_at_settings(Options const& settings, Json& findings)
{
    if (!settings.has("model.norm_at")) return;
    std::vector<std::string> dropouts;
    for (char const* key : {"model.first_dropout", "model.image_dropout", "model.dense_dropout"})
        if (settings.get_double(key) > 0)
            dropouts.push_back(fmt::format("{} = {}", key, settings.get_double(key)));
    if (dropouts.empty()) return;
    std::string const list = fmt::format("{}", fmt::join(dropouts, ", "));
    if (settings.get_string("model.norm_at") == "after")
        add(findings, "norm_and_dropout", "model.norm_at",
            fmt::format("model.norm_at = after, and dropout right behind the batch norms ({}): the "
                        "statistics of training are not those of evaluation; "
                        "models/presets/quark_gluon_fixed.toml has the order that works",
                        list));
    if (settings.get_string("train.bn_statistics") == "running")
        add(findings, "running_statistics", "train.bn_statistics",
            fmt::format("train.bn_statistics = running with dropout before batch norms ({}): "
                        "evaluation normalises by statistics that were taken with dropout on; "
                        "recomputed takes them without",
                        list));
}
}  // namespace

Options settings_to_look_at(Session const& session, std::string const& run_dir)
{
    if (!run_dir.empty()) {
        RunDirectory const run = RunDirectory::open(run_dir);
        std::string const model = Checkpoint::read(run.checkpoint("last")).model();
        return resolve_settings(session, find_model(model).schema(), run.file("config.toml"));
    }
    for (ModelEntry const& model : all_models())
        try {
            return resolve_settings(session, model.schema());
        } catch (Error const& e) {
            if (e.code() != "CF-CFG-02") throw;  // an unknown key
        }
    return resolve_settings(session);
}

Json look_at_data(Options const& settings, std::string const& path)
{
    Json out = Json::object(), findings = Json::array();
    if (!path.empty()) {
        Dataset const data = read_store(path);
        out["path"] = path;
        out["events"] = data.size();
        look_at_columns(data, findings);
        out["targets"] = look_at_targets(settings, data, findings);
    }
    look_at_settings(settings, findings);
    out["findings"] = std::move(findings);
    return out;
}

void print_data(Json const& found)
{
    if (found.contains("path"))
        print_line(fmt::format("{:<10} {}: {} events", "data",
                               calofuse::quoted(found["path"].get<std::string>()),
                               found["events"].get<std::int64_t>()));
    for (Json const& finding : found["findings"])
        print_line(fmt::format("{:<10} {}", "odd", finding["text"].get<std::string>()));
    if (found["findings"].empty()) print_line(fmt::format("{:<10} nothing odd", "data"));
}
}  // namespace calofuse::commands
