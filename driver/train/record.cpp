#include "driver/train/record.hpp"

#include <ctime>
#include <nlohmann/json.hpp>

#include "driver/cli/device.hpp"
#include "driver/cli/machine.hpp"
#include "driver/cli/version.hpp"
#include "driver/commands/result.hpp"
#include "runtime/device/device.hpp"

namespace calofuse {
namespace {
using Json = nlohmann::ordered_json;

std::string utc_now()
{
    std::time_t const t = std::time(nullptr);
    char text[32];
    std::tm parts{};
    gmtime_r(&t, &parts);
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

/// A class by its name, a number as it is; 0 in a column with a unit means unknown: null.
Json json_of(Column const& column, std::size_t file)
{
    double const value = column.value(static_cast<std::int64_t>(file));
    if (!column.spec.names.empty()) {
        auto const c = static_cast<std::size_t>(value);
        return c < column.spec.names.size() ? Json(column.spec.names[c]) : Json("unknown");
    }
    if (column.spec.dtype != DType::f32) return static_cast<std::int64_t>(value);
    return value == 0 ? Json(nullptr) : Json(static_cast<float>(value));
}
}  // namespace

Json environment_record(Session const& session, Context const& ctx, Options const& settings)
{
    Machine const machine = this_machine();
    Json libraries = Json::object();
    for (auto const& [name, version] : library_versions())
        libraries[name] = version;
    return {
        {"version", program_version()},
        {"git_hash", git_hash()},
        {"date", utc_now()},
        {"command_line", session.command_line},
        {"device", name_of(ctx.backend())},
        {"gpu", ctx.backend() == Backend::cpu
                    ? Json(nullptr)
                    : Json(cuda_devices().devices[static_cast<std::size_t>(ctx.device())].name)},
        {"precision", precision_of(settings, ctx)},
        {"threads", ctx.threads()},
        {"cpu", machine.cpu_model},
        {"isa", machine.isa},
        {"cores", machine.cores},
        {"os", machine.os},
        {"libraries", libraries}};
}

Json data_record(std::string const& store, Dataset const& data, Split const& split)
{
    Json files = Json::array();
    EventCounts total;
    for (std::size_t f = 0; f < data.files.size(); ++f) {
        SourceFile const& file = data.files[f];
        total += file.counts;
        Json entry = {{"path", file.path}};
        for (auto const& [name, column] : data.file_columns)
            if (column.spec.shape.empty()) entry[name] = json_of(column, f);
        entry["num_events"] = file.num_events;
        entry["sha256"] = file.sha256;
        files.push_back(entry);
    }
    Json out = {{"store", store},
                {"kind", data.kind},
                {"sha256", data.sha256},
                {"events", data.size()},
                {"split",
                 {{"train", split.train.size()},
                  {"valid", split.valid.size()},
                  {"test", split.test.size()}}},
                {"dropped", commands::json_of(total)["dropped"]},
                {"clipped", total.clipped}};
    for (auto const& [name, column] : data.file_columns) {  // counts of each file
        if (column.spec.dtype != DType::i64) continue;
        std::int64_t sum = 0;
        for (std::int64_t const count : column.values<std::int64_t>())
            sum += count;
        out[name] = sum;
    }
    out["files"] = files;
    return out;
}
}  // namespace calofuse
