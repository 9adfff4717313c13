/// \file driver/focalh/graph_store.hpp
/// Graphs of hits as a store of kind "columns", one event per event of the store they come from:
///   events  label, energy_gev
///   hits    x f32 (F) features, position f32 (2), energy f32
///   edges   source, target i32: hits, counted from the first one of their event
///   constants hits_rule, hits_threshold_adc, ..: the settings `hits.*`
/// Events without hits are there, with no rows.
#pragma once

#include <string>
#include <vector>

#include "driver/focalh/event_graphs.hpp"
#include "io/store/store.hpp"

namespace calofuse {
class GraphStore {
  public:
    /// `events` must outlive this.
    GraphStore(std::string const& path, FocalhEvents const& events, Overwrite overwrite);
    /// Graphs of events [begin, begin + count).
    void append(HitGraphs const& graphs, std::int64_t begin, std::int64_t count);
    /// As StoreWriter's. Returns the digest.
    std::string finish(HitOptions const& options, Manifest const& inputs);

  private:
    FocalhEvents events_;
    StoreWriter writer_;
    std::vector<std::int64_t> hits_, edges_;
    std::vector<std::int32_t> source_, target_;
};
}  // namespace calofuse
