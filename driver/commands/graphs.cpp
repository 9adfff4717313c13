/// \file driver/commands/graphs.cpp
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
#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "driver/focalh/event_graphs.hpp"
#include "io/focalh/event_quality.hpp"
#include "io/focalh/pedestal_file.hpp"
#include "io/graph_file.hpp"
#include "io/store/store.hpp"
#include "models/focalh/hit_options.hpp"
#include "runtime/error.hpp"

namespace calofuse::commands {
namespace {
constexpr std::int64_t kBatch = 1024;

std::vector<float> pedestals_for(EventSet const& events, Options const& settings)
{
    std::string const& file = settings.get_string("input.pedestals");
    return file.empty() ? pedestals_of(events) : read_pedestals(file, events.map);
}

template <class T>
std::span<T const> part(std::vector<T> const& column, std::int64_t begin, std::int64_t count)
{
    return std::span<T const>(column).subspan(static_cast<std::size_t>(begin),
                                              static_cast<std::size_t>(count));
}

/// Counts all events and, if there is a writer, writes their graphs.
HitCountsOfGroups build_all(EventGraphBuilder& builder,
                            EventSet const& events,
                            std::vector<std::int32_t> const& rows,
                            GraphFileWriter* writer)
{
    HitCountsOfGroups counts;
    Progress progress("graphs");
    for (std::int64_t begin = 0; begin < events.size(); begin += kBatch) {
        throw_if_stopped("no graphs were written", "run the same command again");
        std::int64_t const n = std::min(kBatch, events.size() - begin);
        HitGraphs const g = builder.build(part(rows, begin, n));
        for (std::int64_t b = 0; b < n; ++b) {
            auto const i = static_cast<std::size_t>(begin + b);
            std::int32_t const first = g.row_ptr[static_cast<std::size_t>(b)];
            std::int32_t const last = g.row_ptr[static_cast<std::size_t>(b + 1)];
            counts[{events.label[i], events.energy_gev[i]}].add(
                last - first, g.edge_ptr[static_cast<std::size_t>(last)]
                                  - g.edge_ptr[static_cast<std::size_t>(first)]);
        }
        if (writer != nullptr)
            writer->append({g.row_ptr, part(events.label, begin, n),
                            part(events.energy_gev, begin, n), part(events.file_id, begin, n),
                            part(events.event_index, begin, n), g.x, g.position, g.energy,
                            g.edge_ptr, g.source});
        if (progress.due())
            progress.update(static_cast<double>(begin + n) / static_cast<double>(events.size()),
                            fmt::format("{} events", begin + n));
    }
    return counts;
}

double per_event(std::int64_t count, HitCounts const& c)
{
    return static_cast<double>(count) / static_cast<double>(std::max<std::int64_t>(c.events(), 1));
}

Json json_of(HitCounts const& c)
{
    return {{"events", c.events()},
            {"hits_per_event", per_event(c.hits(), c)},
            {"min_hits", c.min()},
            {"median_hits", c.quantile(0.5)},
            {"max_hits", c.max()},
            {"edges_per_event", per_event(c.edges(), c)},
            {"events_without_hits", c.with(0)},
            {"events_with_one_hit", c.with(1)},
            {"share_without_hits", per_event(c.with(0), c)},
            {"share_with_one_hit", per_event(c.with(1), c)}};
}

void print_counts(std::string const& label, std::string const& energy, HitCounts const& c)
{
    print_line(fmt::format(
        "{:<9} {:>5} {:>9} {:>8.2f} {:>5} {:>7} {:>5} {:>8.1f} {:>8.2f}% {:>8.2f}%", label, energy,
        c.events(), per_event(c.hits(), c), c.min(), c.quantile(0.5), c.max(),
        per_event(c.edges(), c), 100 * per_event(c.with(0), c), 100 * per_event(c.with(1), c)));
}

HitCounts sum_of(HitCountsOfGroups const& groups)
{
    HitCounts all;
    for (auto const& [key, counts] : groups)
        all += counts;
    return all;
}

void print_text(HitCountsOfGroups const& groups, HitOptions const& options, std::string const& out)
{
    print_line(fmt::format("hits: {}, cells above {:g} ADC, {} neighbours{}", name_of(options.rule),
                           options.threshold_adc, options.neighbours,
                           options.symmetrise ? ", symmetric" : ""));
    print_line(fmt::format("\n{:<9} {:>5} {:>9} {:>8} {:>5} {:>7} {:>5} {:>8} {:>9} {:>9}", "label",
                           "GeV", "events", "hits", "min", "median", "max", "edges", "no hit",
                           "one hit"));
    for (auto const& [key, counts] : groups)
        print_counts(name_of(static_cast<Label>(key.first)),
                     key.second > 0 ? fmt::format("{:g}", key.second) : "-", counts);
    print_counts("all", "", sum_of(groups));
    if (!out.empty()) print_line("\n" + out);
}

Json settings_of(HitOptions const& options)
{
    return {{"rule", name_of(options.rule)},
            {"threshold_adc", options.threshold_adc},
            {"min_sum_adc", options.min_sum_adc},
            {"neighbours", options.neighbours},
            {"symmetrise", options.symmetrise}};
}

/// What says how the graphs came about, as attributes of their file.
std::vector<std::pair<std::string, std::string>> attributes_of(EventSet const& events,
                                                               HitOptions const& options)
{
    std::vector<std::pair<std::string, std::string>> out = {{"store_sha256", events.sha256}};
    Json const settings = settings_of(options);  // items() refers to it
    for (auto const& [name, value] : settings.items())
        out.emplace_back("hits." + name,
                         value.is_string() ? value.get<std::string>() : value.dump());
    std::string features;
    for (char const* const name : hit_feature_names())
        features += (features.empty() ? "" : ",") + std::string(name);
    out.emplace_back("features", features);
    out.emplace_back("position_unit_mm", fmt::format("{:.9g}", kMillimetresPerPositionUnit));
    return out;
}
}  // namespace

int graphs(Session const& session, GraphsArgs const& args)
{
    Options const settings = resolve_settings(session, hit_schema());
    HitOptions const options = hit_options(settings);
    Overwrite const overwrite = args.overwrite ? Overwrite::yes : Overwrite::no;
    if (!args.out.empty()) check_output(args.out, overwrite);
    EventSet const events = read_store(args.data);
    std::vector<std::int32_t> rows(static_cast<std::size_t>(events.size()));
    std::iota(rows.begin(), rows.end(), 0);
    StopSignals const signals;
    auto const start = std::chrono::steady_clock::now();
    Context ctx = Context::cpu(static_cast<int>(settings.get_int("general.threads")));
    EventGraphBuilder builder(ctx, events, pedestals_for(events, settings), options, kBatch);
    std::optional<GraphFileWriter> writer;
    if (!args.out.empty()) writer.emplace(args.out, kNumHitFeatures, overwrite);
    HitCountsOfGroups const groups = build_all(builder, events, rows, writer ? &*writer : nullptr);
    std::string sha256;
    if (writer)
        sha256 = writer->finish(
            attributes_of(events, options),
            {{events.sha256.empty() ? sha256_of_file(args.data) : events.sha256,
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
