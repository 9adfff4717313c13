#include "driver/focalh/commands/event_display.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>
#include <tuple>

#include "driver/cli/settings.hpp"
#include "driver/focalh/event_pictures.hpp"
#include "driver/focalh/event_scores.hpp"
#include "driver/focalh/run_conditions.hpp"
#include "io/focalh/event_quality.hpp"
#include "models/focalh/hit_options.hpp"
#include "models/registry.hpp"
#include "runtime/log.hpp"

namespace calofuse::commands {
namespace {
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

Json json_of(FocalhEvents const& events, std::int64_t row, std::vector<double> const& charges)
{
    auto const i = static_cast<std::size_t>(row);
    return {{"event", row},
            {"label", name_of(static_cast<Label>(events.label[i]))},
            {"energy_gev", json_of_energy(events.energy_gev[i])},
            {"total_adc", std::accumulate(charges.begin(), charges.end(), 0.0)},
            {"score", Json()}};
}

void add_hits(HitOverlay hits, ShownEvent& event)
{
    event.entry["hits"] = hits.position.size();
    event.entry["edges"] = hits.edges.size();
    event.image.hits = std::move(hits);
}

void add_attention(HitView const& view, ShownEvent& event)
{
    event.image.captions.push_back("(mean over all heads and layers)");
    std::vector<double> const shares = even_shares(view);
    auto const [low, high] = std::minmax_element(view.attention.begin(), view.attention.end());
    double const loops = std::accumulate(view.loop.begin(), view.loop.end(), 0.0);
    event.entry["attention"] = {
        {"min", *low},
        {"max", *high},
        {"max_even_shares", *std::max_element(shares.begin(), shares.end())},
        {"mean_loop", loops / static_cast<double>(view.loop.size())}};
}

void add_view(HitView const& view, HitViewer const& viewer, ShownEvent& event)
{
    for (std::string& caption : hit_captions(view, viewer))
        event.image.captions.push_back(std::move(caption));
    add_hits(view.overlay, event);
    if (!view.attention.empty()) add_attention(view, event);
}
}  // namespace

EventDisplay::EventDisplay(Session const& session,
                           Dataset const& data,
                           std::vector<std::int64_t> rows,
                           std::string const& run_dir)
    : ctx_(Context::cpu(1))
    , events_(data)
    , rows_(std::move(rows))
    , model_(best_model_of(run_dir))
    , makes_hits_(model_ && is_hit_network(model_->model()))
    , scores_(rows_.size())
{
    std::vector<float> const given =
        model_ ? focalh::given_pedestals(session, model_->model(), events_.map)
               : std::vector<float>{};
    HitOptions const asked = asked_hits(session, run_dir);
    if (makes_hits_) {
        viewer_.emplace(ctx_, *model_, data, &session);
        warn_of_other_hits(asked, viewer_->options());
    } else {
        scores_ = model_ ? computed_scores(session, ctx_, *model_, data, rows_)
                         : listed_scores(events_, rows_, run_dir);
    }
    pedestals_ = viewer_ ? viewer_->pedestals() : !given.empty() ? given : pedestals_of(events_);
    builder_.emplace(ctx_, events_, pedestals_, asked, 1);
}

HitOptions EventDisplay::asked_hits(Session const& session, std::string const& run_dir) const
{
    if (!makes_hits_) return hit_options(resolve_settings(session, hit_schema()));
    return hit_options(
        resolve_settings(session, find_model(model_->model()).schema(), run_dir + "/config.toml"));
}

ShownEvent EventDisplay::show(std::size_t k, bool graph)
{
    auto const row = static_cast<std::int32_t>(rows_[k]);
    std::optional<HitView> view;
    if (viewer_) scores_[k] = (view = viewer_->view(row))->score;
    ShownEvent out{.image = event_image(events_, row, pedestals_, scores_[k]), .entry = {}};
    out.entry = json_of(events_, row, out.image.charges);
    if (scores_[k]) out.entry["score"] = *scores_[k];
    if (view) {
        add_view(*view, *viewer_, out);
    } else if (graph) {
        add_hits(hit_overlay(*builder_, row), out);
        out.image.captions.push_back(fmt::format(
            "{} hits, {} edges", out.image.hits.position.size(), out.image.hits.edges.size()));
    }
    return out;
}

std::vector<ShownEvent> EventDisplay::show(bool graph)
{
    std::vector<ShownEvent> out;
    for (std::size_t k = 0; k < rows_.size(); ++k)
        out.push_back(show(k, graph));
    return out;
}
}  // namespace calofuse::commands
