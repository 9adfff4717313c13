/// \file driver/focalh/commands/event_display.hpp
/// Events as `display` shows them: cells; with a run its score, and, if it is one of a network on
/// hits, the hits, edges and attention weights it works with.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "driver/commands/result.hpp"
#include "driver/focalh/cell_image.hpp"
#include "driver/focalh/event_graphs.hpp"
#include "driver/focalh/hit_view.hpp"

namespace calofuse::commands {
struct ShownEvent {
    CellImage image;
    /// {"event", "label", "energy_gev", "total_adc", "score"}; "hits", "edges", "attention" if drawn
    Json entry;
};

class EventDisplay {
  public:
    /// Of these rows of `data`, which must outlive this; `run_dir` may be empty.
    EventDisplay(Session const& session,
                 Dataset const& data,
                 std::vector<std::int64_t> rows,
                 std::string const& run_dir);
    EventDisplay(EventDisplay const&) = delete;  // viewer and builder point to the context
    EventDisplay& operator=(EventDisplay const&) = delete;

    /// `graph`: hits and edges too where no run brings its own, as `hits.*` say.
    std::vector<ShownEvent> show(bool graph);

  private:
    /// A network on hits says how its hits were made; flags and --config go before it.
    HitOptions asked_hits(Session const& session, std::string const& run_dir) const;
    ShownEvent show(std::size_t k, bool graph);

    Context ctx_;
    FocalhEvents events_;
    std::vector<std::int64_t> rows_;
    std::optional<Checkpoint> model_;
    bool makes_hits_;
    std::optional<HitViewer> viewer_;  ///< of a network on hits
    std::vector<std::optional<float>> scores_;
    std::vector<float> pedestals_;
    std::optional<EventGraphBuilder> builder_;
};
}  // namespace calofuse::commands
