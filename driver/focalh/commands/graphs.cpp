/// \file driver/focalh/commands/graphs.cpp
/// Hits and kNN graphs of a store: how many there are by label and energy, and, where a file is asked
/// for, the graphs themselves.
#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "driver/cli/progress.hpp"
#include "driver/cli/settings.hpp"
#include "driver/cli/signals.hpp"
#include "driver/commands/result.hpp"
#include "driver/focalh/commands/commands.hpp"
#include "driver/focalh/commands/hit_counts_view.hpp"
#include "driver/focalh/event_graphs.hpp"
#include "driver/focalh/graph_store.hpp"
#include "io/focalh/event_quality.hpp"
#include "io/focalh/pedestal_file.hpp"
#include "io/store/store.hpp"
#include "models/focalh/hit_options.hpp"
#include "runtime/error.hpp"

namespace calofuse::commands {
namespace {
constexpr std::int64_t kBatch = 1024;

std::vector<float> pedestals_for(FocalhEvents const& events, Options const& settings)
{
    std::string const& file = settings.get_string("input.pedestals");
    return file.empty() ? pedestals_of(events) : read_pedestals(file, events.map);
}

/// Counts all events and, if there is a writer, writes their graphs.
HitCountsOfGroups build_all(EventGraphBuilder& builder,
                            FocalhEvents const& events,
                            std::vector<std::int32_t> const& rows,
                            GraphStore* writer)
{
    HitCountsOfGroups counts;
    Progress progress("graphs");
    for (std::int64_t begin = 0; begin < events.size(); begin += kBatch) {
        throw_if_stopped("no graphs were written", "run the same command again");
        std::int64_t const n = std::min(kBatch, events.size() - begin);
        HitGraphs const g = builder.build(
            std::span(rows).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(n)));
        for (std::int64_t b = 0; b < n; ++b) {
            auto const i = static_cast<std::size_t>(begin + b);
            std::int32_t const first = g.row_ptr[static_cast<std::size_t>(b)];
            std::int32_t const last = g.row_ptr[static_cast<std::size_t>(b + 1)];
            counts[{events.label[i], events.energy_gev[i]}].add(
                last - first, g.edge_ptr[static_cast<std::size_t>(last)]
                                  - g.edge_ptr[static_cast<std::size_t>(first)]);
        }
        if (writer != nullptr) writer->append(g, begin, n);
        if (progress.due())
            progress.update(static_cast<double>(begin + n) / static_cast<double>(events.size()),
                            fmt::format("{} events", begin + n));
    }
    return counts;
}
}  // namespace

int graphs(Session const& session, GraphsArgs const& args)
{
    Options const settings = resolve_settings(session, hit_schema());
    HitOptions const options = hit_options(settings);
    Overwrite const overwrite = args.overwrite ? Overwrite::yes : Overwrite::no;
    if (!args.out.empty()) check_output(args.out, overwrite);
    Dataset const data = read_store(args.data);
    FocalhEvents const events(data);
    std::vector<std::int32_t> rows(static_cast<std::size_t>(events.size()));
    std::iota(rows.begin(), rows.end(), 0);
    StopSignals const signals;
    auto const start = std::chrono::steady_clock::now();
    Context ctx = Context::cpu(static_cast<int>(settings.get_int("general.threads")));
    EventGraphBuilder builder(ctx, events, pedestals_for(events, settings), options, kBatch);
    std::optional<GraphStore> writer;
    if (!args.out.empty()) writer.emplace(args.out, events, overwrite);
    HitCountsOfGroups const groups = build_all(builder, events, rows, writer ? &*writer : nullptr);
    std::string sha256;
    if (writer)
        sha256 = writer->finish(
            options, {{events.data.sha256.empty() ? sha256_of_file(args.data) : events.data.sha256,
                       name_in_manifest(args.data,
                                        std::filesystem::path(args.out).parent_path().string())}});
    double const wall_s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (!session.global.json) {
        print_text(groups, options, args.out);
        return 0;
    }
    HitCounts const all = sum_of(groups);
    Json list = Json::array();
    for (auto const& [key, counts] : groups) {
        Json entry = {{"label", name_of(static_cast<Label>(key.first))},
                      {"energy_gev", json_of_energy(key.second)}};
        entry.update(json_of(counts));
        list.push_back(entry);
    }
    print_json({{"data", args.data},
                {"hits", settings_of(options)},
                {"total", json_of(all)},
                {"groups", list},
                {"events_by_hits", all.histogram()},
                {"out", args.out.empty() ? Json() : Json(args.out)},
                {"sha256", sha256.empty() ? Json() : Json(sha256)},
                {"wall_s", wall_s},
                {"events_per_s", static_cast<double>(all.events()) / std::max(wall_s, 1e-9)}});
    return 0;
}
}  // namespace calofuse::commands
