/// \file driver/focalh/hit_view.hpp
/// Events of a store as a trained network on hits sees them: the hits and edges of the settings that
/// it was trained with, how much attention it pays to every edge, and the score that comes of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "driver/focalh/event_graphs.hpp"
#include "driver/train/checkpoint.hpp"
#include "driver/train/session.hpp"
#include "models/engine/placed.hpp"
#include "models/focalh/hits.hpp"
#include "models/hit_network.hpp"

namespace calofuse {
/// Attention is the mean over all heads of all layers. Of what a hit takes in, its edges and its
/// loop make up all: attention of its incoming edges + loop = 1.
struct HitView {
    float logit = 0;
    float score = 0;  ///< probability of electron
    /// With attention, an edge's weight is what it gets beyond an even share, over the largest such
    /// excess of the event: 0 for an even share or less, 1 for the strongest.
    HitOverlay overlay;
    std::vector<float> attention;  ///< of overlay.edges; empty: the network has none
    std::vector<float> loop;       ///< attention of each hit to itself; empty: as above
};

class HitViewer {
  public:
    /// `ctx` is a CPU's; `data` must outlive this. With a session, the conditions of its run hold
    /// (driver/focalh/run_conditions.hpp).
    HitViewer(Context& ctx,
              Checkpoint const& checkpoint,
              Dataset const& data,
              Session const* session = nullptr);

    HitView view(std::int32_t row);
    /// Number of hits of each event.
    std::vector<std::int32_t> num_hits(std::span<std::int32_t const> rows);

    HitOptions const& options() const { return hits_->options(); }
    /// What the network subtracts, (256).
    std::vector<float> const& pedestals() const { return pedestals_; }
    /// gat and gatv2.
    bool has_attention() const;
    /// gravnet and dynamic edge_conv: every layer looks for neighbours of its own, so that views
    /// have no edges.
    bool learns_edges() const;

  private:
    void attend(HitView& view) const;

    std::unique_ptr<Model> model_;
    HitNetwork const* network_;
    FocalHits const* hits_;
    FocalhEvents events_;
    Placed placed_;
    std::vector<float> pedestals_;
    EventGraphBuilder builder_;
    Buffer<std::int32_t> row_;
    Buffer<std::int64_t> position_;
    std::vector<layers::AttentionOutput> attention_;
    TensorRef logit_;
    std::unique_ptr<Tape> tape_;
};

/// Attention of each edge in even shares: times the number of its hit's edges and loop.
std::vector<double> even_shares(HitView const& view);

/// Whether the model of this name makes hits of events.
bool is_hit_network(std::string const& model);

/// Lines below a picture of this event.
std::vector<std::string> hit_captions(HitView const& view, HitViewer const& viewer);
}  // namespace calofuse
