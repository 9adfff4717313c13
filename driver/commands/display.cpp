/// \file driver/commands/display.cpp
/// Events of a store as one SVG picture: cells in true geometry, charge in colour.
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>

#include "driver/arguments.hpp"
#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "driver/event_graphs.hpp"
#include "driver/event_pictures.hpp"
#include "driver/settings.hpp"
#include "io/atomic_file.hpp"
#include "io/event_quality.hpp"
#include "io/store.hpp"
#include "models/hit_options.hpp"
#include "runtime/error.hpp"
#include "runtime/log.hpp"

namespace calofuse::commands {
namespace {
constexpr int kMaxColumns = 4;
constexpr std::size_t kMaxImages = 100;

/// Scores of a run's test events for these rows; empty where it has none.
std::vector<std::optional<float>> scores_for(EventSet const& events,
                                             std::vector<std::int64_t> const& rows,
                                             std::string const& run_dir)
{
    std::vector<std::optional<float>> out(rows.size());
    if (run_dir.empty()) return out;
    ReportData const run = read_run(run_dir);
    bool const known = !events.sha256.empty() && !run.store_sha256.empty();
    if (known && events.sha256 != run.store_sha256) {
        log::warning("{} was trained on another store: scores are left out",
                     calofuse::quoted(run_dir));
        return out;
    }
    for (std::size_t k = 0; k < rows.size(); ++k) {
        auto const row = static_cast<std::size_t>(rows[k]);
        for (Prediction const& p : run.predictions)
            if (p.file_id == events.file_id[row] && p.event_index == events.event_index[row])
                out[k] = p.score;
    }
    return out;
}
}  // namespace

int display(Session const& session, DisplayArgs const& args)
{
    if (!args.out.ends_with(".svg"))
        refuse("CF-CLI-04", "--out " + calofuse::quoted(args.out) + " does not end in .svg",
               "an event display is an SVG picture");
    if (args.events.size() > kMaxImages)
        refuse("CF-CLI-04",
               fmt::format("--event names {} events, a picture holds {}", args.events.size(),
                           kMaxImages),
               "draw them in several pictures");
    check_output(args.out, Overwrite::yes);
    EventSet const events = read_store(args.data);
    for (std::int64_t const row : args.events)
        if (row >= events.size())
            refuse("CF-CLI-04",
                   fmt::format("--event {}: {} has {} events", row, calofuse::quoted(args.data),
                               events.size()),
                   "rows count from 0; `calofuse inspect` lists the events of each file");
    std::vector<float> const pedestals = pedestals_of(events);
    auto const scores = scores_for(events, args.events, args.run_dir);
    // A run says how its hits were made; flags and --config go before it.
    Options const settings = resolve_settings(
        session, hit_schema(), args.run_dir.empty() ? "" : args.run_dir + "/config.toml");
    Context ctx = Context::cpu(1);
    EventGraphBuilder builder(ctx, events, pedestals, hit_options(settings), 1);
    std::vector<CellImage> images;
    Json list = Json::array();
    for (std::size_t k = 0; k < args.events.size(); ++k) {
        std::int64_t const row = args.events[k];
        auto const i = static_cast<std::size_t>(row);
        images.push_back(event_image(events, row, pedestals, scores[k]));
        std::vector<double> const& charges = images.back().charges;
        list.push_back({{"event", row},
                        {"label", name_of(static_cast<Label>(events.label[i]))},
                        {"energy_gev", json_of_energy(events.energy_gev[i])},
                        {"total_adc", std::accumulate(charges.begin(), charges.end(), 0.0)},
                        {"score", scores[k] ? Json(*scores[k]) : Json()}});
        if (!args.graph) continue;
        images.back().hits = hit_overlay(builder, static_cast<std::int32_t>(row));
        HitOverlay const& hits = images.back().hits;
        images.back().captions.push_back(
            fmt::format("{} hits, {} edges", hits.position.size(), hits.edges.size()));
        list.back()["hits"] = hits.position.size();
        list.back()["edges"] = hits.edges.size();
    }
    double const side = images.size() == 1 ? 520 : images.size() == 2 ? 380 : 260;
    Svg const picture = draw_cell_images("Event display", images, events.map, kMaxColumns, side);
    write_file_atomically(args.out, picture.document(), Overwrite::yes);
    if (session.global.json)
        print_json({{"picture", args.out}, {"events", list}});
    else
        print_line(args.out);
    return 0;
}
}  // namespace calofuse::commands
