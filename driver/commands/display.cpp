/// \file driver/commands/display.cpp
/// Events of a store as one SVG picture: cells in true geometry, charge in colour; with a run its
/// score, and, if it is one of a network on hits, the hits, edges and attention weights it works with.
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>
#include <tuple>

#include "driver/cli/arguments.hpp"
#include "driver/cli/settings.hpp"
#include "driver/commands/commands.hpp"
#include "driver/commands/result.hpp"
#include "driver/focalh/event_graphs.hpp"
#include "driver/focalh/event_pictures.hpp"
#include "driver/focalh/hit_view.hpp"
#include "driver/judge/evaluation.hpp"
#include "driver/train/run_directory.hpp"
#include "driver/train/store_scorer.hpp"
#include "io/atomic_file.hpp"
#include "io/focalh/event_quality.hpp"
#include "io/store/store.hpp"
#include "models/focalh/hit_options.hpp"
#include "models/registry.hpp"
#include "runtime/error.hpp"
#include "runtime/log.hpp"

namespace calofuse::commands {
namespace {
constexpr int kMaxColumns = 4;
constexpr std::size_t kMaxImages = 100;

/// The best model of a run; none where the run has none (any more).
std::optional<Checkpoint> model_of(std::string const& run_dir)
{
    if (run_dir.empty()) return std::nullopt;
    std::string const path = RunDirectory::open(run_dir).checkpoint("best");
    if (!std::filesystem::exists(path)) return std::nullopt;
    return Checkpoint::read(path);
}

/// Scores that a run without its model left for these rows; empty where it has none.
std::vector<std::optional<float>> listed_scores(EventSet const& events,
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

std::vector<std::optional<float>> computed_scores(Context& ctx,
                                                  Checkpoint const& model,
                                                  EventSet const& events,
                                                  std::vector<std::int64_t> const& rows,
                                                  std::vector<float> given)
{
    std::vector<std::int32_t> const narrow(rows.begin(), rows.end());
    auto const logits = StoreScorer(ctx, model, events, std::move(given)).logits(narrow);
    ScoredEvents const scored = scored_events(events, narrow, logits);
    return {scored.score.begin(), scored.score.end()};
}

void warn_of_other_hits(HitOptions const& asked, HitOptions const& used)
{
    auto const all = [](HitOptions const& o) {
        return std::tuple(o.rule, o.threshold_adc, o.min_sum_adc, o.neighbours, o.symmetrise);
    };
    if (all(asked) != all(used))
        log::warning(
            "settings hits.* are left aside: the hits are those that the run was "
            "trained with");
}

void check(DisplayArgs const& args)
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
}

EventSet read_events(DisplayArgs const& args)
{
    EventSet events = read_store(args.data);
    for (std::int64_t const row : args.events)
        if (row >= events.size())
            refuse("CF-CLI-04",
                   fmt::format("--event {}: {} has {} events", row, calofuse::quoted(args.data),
                               events.size()),
                   "rows count from 0; `calofuse inspect` lists the events of each file");
    return events;
}

Json json_of(EventSet const& events, std::int64_t row, std::vector<double> const& charges)
{
    auto const i = static_cast<std::size_t>(row);
    return {{"event", row},
            {"label", name_of(static_cast<Label>(events.label[i]))},
            {"energy_gev", json_of_energy(events.energy_gev[i])},
            {"total_adc", std::accumulate(charges.begin(), charges.end(), 0.0)},
            {"score", Json()}};
}

void add_view(HitView view, HitViewer const& viewer, CellImage& image, Json& entry)
{
    for (std::string& caption : hit_captions(view, viewer))
        image.captions.push_back(std::move(caption));
    entry["hits"] = view.overlay.position.size();
    entry["edges"] = view.overlay.edges.size();
    if (!view.attention.empty()) {
        image.captions.push_back("(mean over all heads and layers)");
        std::vector<double> const shares = even_shares(view);
        auto const [low, high] = std::minmax_element(view.attention.begin(), view.attention.end());
        double const loops = std::accumulate(view.loop.begin(), view.loop.end(), 0.0);
        entry["attention"] = {{"min", *low},
                              {"max", *high},
                              {"max_even_shares", *std::max_element(shares.begin(), shares.end())},
                              {"mean_loop", loops / static_cast<double>(view.loop.size())}};
    }
    image.hits = std::move(view.overlay);
}
}  // namespace

int display(Session const& session, DisplayArgs const& args)
{
    check(args);
    EventSet const events = read_events(args);
    Context ctx = Context::cpu(1);
    std::optional<Checkpoint> const model = model_of(args.run_dir);
    std::vector<float> const given =
        model ? given_pedestals(session, *model, events.map) : std::vector<float>{};
    bool const makes_hits = model && is_hit_network(model->model());
    // Such a run says how its hits were made; flags and --config go before it.
    HitOptions const asked =
        hit_options(makes_hits ? resolve_settings(session, find_model(model->model()).schema(),
                                                  args.run_dir + "/config.toml")
                               : resolve_settings(session, hit_schema()));
    std::optional<HitViewer> viewer;
    std::vector<std::optional<float>> scores(args.events.size());
    if (makes_hits) {
        viewer.emplace(ctx, *model, events, given);
        warn_of_other_hits(asked, viewer->options());
    } else {
        scores = model ? computed_scores(ctx, *model, events, args.events, given)
                       : listed_scores(events, args.events, args.run_dir);
    }
    std::vector<float> const pedestals = viewer           ? viewer->pedestals()
                                         : !given.empty() ? given
                                                          : pedestals_of(events);
    EventGraphBuilder builder(ctx, events, pedestals, asked, 1);
    std::vector<CellImage> images;
    Json list = Json::array();
    for (std::size_t k = 0; k < args.events.size(); ++k) {
        auto const row = static_cast<std::int32_t>(args.events[k]);
        std::optional<HitView> view;
        if (viewer) scores[k] = (view = viewer->view(row))->score;
        images.push_back(event_image(events, row, pedestals, scores[k]));
        list.push_back(json_of(events, row, images.back().charges));
        if (scores[k]) list.back()["score"] = *scores[k];
        if (view) {
            add_view(std::move(*view), *viewer, images.back(), list.back());
        } else if (args.graph) {
            HitOverlay& hits = images.back().hits = hit_overlay(builder, row);
            images.back().captions.push_back(
                fmt::format("{} hits, {} edges", hits.position.size(), hits.edges.size()));
            list.back()["hits"] = hits.position.size();
            list.back()["edges"] = hits.edges.size();
        }
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
