/// \file driver/focalh/event_graphs.hpp
/// Graphs of hits of events of a store, for the commands that look at them: `graphs` and `display`.
#pragma once

#include <map>
#include <span>
#include <utility>
#include <vector>

#include "driver/focalh/cell_image.hpp"
#include "kernels/focalh/hits.hpp"
#include "runtime/buffer.hpp"
#include "runtime/focalh/events.hpp"

namespace calofuse {
/// Graphs of some events; lives until the next `build`. Layout: kernels/focalh/event_graph.hpp.
struct HitGraphs {
    std::span<std::int32_t const> row_ptr;
    std::span<float const> x, position, energy;
    std::span<std::int32_t const> edge_ptr, source;
};

class EventGraphBuilder {
  public:
    /// `ctx` is a CPU's. Up to `capacity` events at once; `events` must outlive this.
    EventGraphBuilder(Context& ctx,
                      FocalhEvents const& events,
                      std::span<float const> pedestals,
                      HitOptions const& options,
                      std::int64_t capacity);

    HitGraphs build(std::span<std::int32_t const> rows);
    /// Hit of each of the 249 cells of one event; -1 = none.
    std::vector<std::int32_t> labels(std::int32_t row);

  private:
    Context& ctx_;
    FocalhEvents events_;
    HitOptions options_;
    std::int64_t capacity_;
    Buffer<std::int32_t> channels_;
    Buffer<float> pedestal_;
    Buffer<std::int32_t> row_ptr_, edge_ptr_, source_;
    Buffer<float> x_, position_, energy_;
};

/// Hits and edges of one event, for `draw_hits`. `weights`: one number an edge, in the order of
/// `HitGraphs::source`, 0 faint .. 1 strong, e.g. attention; empty: all alike.
HitOverlay hit_overlay(EventGraphBuilder& builder,
                       std::int32_t row,
                       std::span<float const> weights = {});

/// Hits of a group of events, counted.
class HitCounts {
  public:
    void add(std::int32_t hits, std::int32_t edges);
    HitCounts& operator+=(HitCounts const& other);
    std::int64_t events() const { return events_; }
    std::int64_t hits() const { return hits_; }
    std::int64_t edges() const { return edges_; }
    /// Events with exactly so many hits.
    std::int64_t with(std::int32_t hits) const;
    /// Smallest number of hits that at least the fraction `q` of the events does not exceed.
    std::int32_t quantile(double q) const;
    std::int32_t min() const { return quantile(0); }
    std::int32_t max() const { return quantile(1); }
    /// Number of events with 0, 1, .. max() hits.
    std::vector<std::int64_t> histogram() const;

  private:
    std::int64_t events_ = 0, hits_ = 0, edges_ = 0;
    std::map<std::int32_t, std::int64_t> events_with_;
};

/// By label and beam energy.
using HitCountsOfGroups = std::map<std::pair<std::uint8_t, float>, HitCounts>;
}  // namespace calofuse
