#include "driver/report/data.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "driver/judge/predictions.hpp"
#include "driver/report/settings.hpp"
#include "io/input_file.hpp"
#include "runtime/error.hpp"

namespace calofuse {
namespace {
using Json = nlohmann::ordered_json;
constexpr char const* kHint = "the run directory is incomplete or was edited; train again";

[[noreturn]] void bad(char const* code, std::string const& message)
{
    throw Error(Exit::data, code, message, kHint);
}

void check_there(std::string const& path)
{
    std::error_code failed;
    if (!std::filesystem::exists(path, failed))
        throw Error(Exit::no_input, "CF-RUN-02", calofuse::quoted(path) + " is missing",
                    "has the training finished? `calofuse train --resume` goes on with it");
}

/// The text of RUN/NAME.
std::string read_run_file(std::string const& run_dir, char const* name, std::int64_t max_bytes)
{
    std::string const path = run_dir + "/" + name;
    check_there(path);
    std::error_code failed;
    if (auto const size = std::filesystem::file_size(path, failed);
        !failed && size > static_cast<std::uintmax_t>(max_bytes))
        bad("CF-RUN-09", fmt::format("{}: {} bytes, a run's is at most {}", calofuse::quoted(path),
                                     size, max_bytes));
    return read_file(path, max_bytes);
}

/// One JSON object, with the place of everything in it for messages.
class Reader {
  public:
    Reader(std::string where, Json const& json) : where_(std::move(where)), json_(&json)
    {
        if (!json.is_object()) bad("CF-RUN-07", where_ + " is not an object");
    }

    bool has(char const* key) const { return json_->contains(key) && !json_->at(key).is_null(); }
    std::string place(char const* key) const { return where_ + ": " + key; }
    Json const& at(char const* key) const
    {
        if (!json_->contains(key)) bad("CF-RUN-07", place(key) + " is missing");
        return json_->at(key);
    }
    Reader object(char const* key) const { return {place(key), at(key)}; }
    std::string text(char const* key) const
    {
        if (!at(key).is_string()) bad("CF-RUN-07", place(key) + " is not a text");
        return at(key).get<std::string>();
    }
    double number(char const* key) const
    {
        if (!at(key).is_number()) bad("CF-RUN-07", place(key) + " is not a number");
        return at(key).get<double>();
    }
    std::optional<double> optional_number(char const* key) const
    {
        return has(key) ? std::optional(number(key)) : std::nullopt;
    }
    std::int64_t count(char const* key) const
    {
        Json const& value = at(key);
        if (!value.is_number_integer() || value.get<std::int64_t>() < 0)
            bad("CF-RUN-07", place(key) + " is not a count");
        return value.get<std::int64_t>();
    }
    Json const& list(char const* key) const
    {
        if (!at(key).is_array()) bad("CF-RUN-07", place(key) + " is not a list");
        return at(key);
    }
    Json const& json() const { return *json_; }

  private:
    std::string where_;
    Json const* json_;
};

/// How deep brackets nest, quotes aside: recursion below must not meet a bomb.
int nesting(std::string_view text)
{
    int depth = 0, deepest = 0;
    bool quoted_text = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char const c = text[i];
        if (quoted_text && c == '\\')
            ++i;
        else if (c == '"')
            quoted_text = !quoted_text;
        else if (!quoted_text && (c == '{' || c == '['))
            deepest = std::max(deepest, ++depth);
        else if (!quoted_text && (c == '}' || c == ']'))
            --depth;
    }
    return deepest;
}

Json parsed(std::string const& where, std::string_view text)
{
    if (nesting(text) > 32) bad("CF-RUN-03", where + " nests deeper than 32 levels");
    Json out = Json::parse(text, nullptr, false);
    if (out.is_discarded()) bad("CF-RUN-03", where + " is not valid JSON");
    return out;
}

NamedNumbers read_split(Reader const& summary, char const* key)
{
    NamedNumbers out;
    if (!summary.has(key)) return out;
    Reader const split = summary.object(key);
    for (auto const& [name, value] : split.json().items())
        if (auto const number = split.optional_number(name.c_str()))
            out.emplace_back(name, *number);
    return out;
}

void read_summary(ReportData& out, std::string const& where, Json const& json)
{
    Reader const r(where, json);
    out.model = r.text("model");
    out.device = r.text("device");
    out.precision = r.text("precision");
    out.epochs = r.count("epochs");
    out.best_epoch = r.count("best_epoch");
    out.events_per_s = r.number("events_per_s");
    out.wall_s = r.number("wall_s");
    out.data_wait_fraction = r.number("data_wait_fraction");
    out.valid = read_split(r, "valid");
    out.test = read_split(r, "test");
    if (!r.has("timing")) return;
    for (Json const& entry : r.list("timing")) {
        Reader const stage(r.place("timing"), entry);
        out.timing.emplace_back(stage.text("name"), stage.number("s"));
    }
}

/// What stands beside path and number of events, as text; digests are for machines.
NamedValues file_columns(Json const& file)
{
    NamedValues out;
    for (auto const& [key, value] : file.items())
        if (key != "path" && key != "num_events" && key != "sha256" && !value.is_structured())
            out.emplace_back(key, value.is_null()     ? ""
                                  : value.is_string() ? value.get<std::string>()
                                  : value.is_number() ? fmt::format("{:g}", value.get<double>())
                                                      : value.dump());
    return out;
}

void read_data(ReportData& out, std::string const& where, Json const& json)
{
    Reader const r(where, json);
    out.store = r.text("store");
    out.kind = r.text("kind");
    out.store_sha256 = r.text("sha256");
    out.num_events = r.count("events");
    if (r.has("empty_triggers")) out.empty_triggers = r.count("empty_triggers");
    out.clipped = r.has("clipped") ? r.count("clipped") : 0;
    Reader const split = r.object("split");
    out.split = {split.count("train"), split.count("valid"), split.count("test")};
    Reader const dropped = r.object("dropped");
    for (auto const& [reason, ignored] : dropped.json().items())
        out.dropped.emplace_back(reason, dropped.count(reason.c_str()));
    for (Json const& entry : r.list("files")) {
        Reader const file(r.place("files"), entry);
        out.files.push_back({file.text("path"), file.count("num_events"), file_columns(entry)});
    }
}

/// Objects become dotted names, lists "a, b".
void flatten(std::string const& prefix, Json const& json, NamedValues& out)
{
    if (json.is_object()) {
        for (auto const& [key, value] : json.items())
            flatten(prefix.empty() ? key : prefix + "." + key, value, out);
        return;
    }
    std::string text;
    if (json.is_array()) {
        for (Json const& entry : json)
            text += (text.empty() ? "" : " ")
                    + (entry.is_string() ? entry.get<std::string>() : entry.dump());
    } else {
        text = json.is_string() ? json.get<std::string>() : json.dump();
    }
    out.emplace_back(prefix, text);
}

void read_metrics(ReportData& out, std::string const& where, std::string_view text)
{
    std::int64_t line_number = 0;
    while (!text.empty()) {
        std::size_t const end = std::min(text.find('\n'), text.size());
        std::string_view const line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        ++line_number;
        if (line.empty()) continue;
        std::string const place = fmt::format("{} line {}", where, line_number);
        Json const json = parsed(place, line);
        Reader const row(place, json);
        std::string const split = row.text("split"), name = row.text("name");
        auto const epoch = static_cast<double>(row.count("epoch"));
        double const value = row.at("value").is_null() ? NAN : row.number("value");
        if (!std::isfinite(value)) ++out.bad_metric_rows;
        auto found = std::find_if(out.metrics.begin(), out.metrics.end(), [&](Metric const& m) {
            return m.split == split && m.name == name;
        });
        if (found == out.metrics.end()) {
            out.metrics.push_back({split, name, {}});
            found = out.metrics.end() - 1;
        }
        Curve& curve = found->curve;
        // A resumed run writes the rows of its last epoch again: the later one holds.
        while (!curve.empty() && curve.epoch.back() >= epoch) {
            curve.epoch.pop_back();
            curve.value.pop_back();
        }
        curve.epoch.push_back(epoch);
        curve.value.push_back(std::isfinite(value) ? value : NAN);
    }
}

constexpr std::int64_t kMaxJson = 64LL << 20;
}  // namespace

Curve ReportData::curve(std::string const& split_name, std::string const& name) const
{
    for (Metric const& metric : metrics)
        if (metric.split == split_name && metric.name == name) return metric.curve;
    return {};
}

std::string ReportData::environment_value(std::string const& key) const
{
    for (auto const& [name, value] : environment)
        if (name == key) return value;
    return "";
}

double number_of(NamedNumbers const& numbers, std::string const& name)
{
    for (auto const& [key, value] : numbers)
        if (key == name) return value;
    return NAN;
}

Task task_of_run(std::string const& run_dir)
{
    std::string const where = calofuse::quoted(run_dir + "/summary.json");
    Json const summary = parsed(where, read_run_file(run_dir, "summary.json", kMaxJson));
    if (!summary.is_object() || !summary.contains("task"))
        throw Error(Exit::data, "CF-RUN-07", where + ": field task is missing",
                    "train again: the run is of an older version");
    return task_from_text(summary["task"].dump());
}

ReportData read_run(std::string const& run_dir, Task task)
{
    std::error_code failed;
    if (!std::filesystem::is_directory(run_dir, failed))
        throw Error(Exit::no_input, "CF-RUN-02",
                    calofuse::quoted(run_dir) + " is not a run directory",
                    "give the --run-dir of a finished `calofuse train`");
    ReportData out;
    out.run_dir = run_dir;
    auto const json_of = [&](char const* name) {
        return parsed(calofuse::quoted(run_dir + "/" + name),
                      read_run_file(run_dir, name, kMaxJson));
    };
    auto const where = [&](char const* name) {
        return calofuse::quoted(run_dir + "/" + name);
    };
    read_summary(out, where("summary.json"), json_of("summary.json"));
    read_data(out, where("data.json"), json_of("data.json"));
    Json const environment = json_of("env.json");
    flatten("", Reader(where("env.json"), environment).json(), out.environment);
    read_metrics(out, where("metrics.jsonl"), read_run_file(run_dir, "metrics.jsonl", kMaxJson));
    out.settings =
        flatten_toml(where("config.toml"), read_run_file(run_dir, "config.toml", 1 << 20));
    std::string const predictions = run_dir + "/predictions_test.csv";
    check_there(predictions);
    out.task = std::move(task);
    out.predictions = read_predictions(predictions, out.task);
    out.judgement = judge(out.predictions, out.task);
    return out;
}
}  // namespace calofuse
