#include "models/focalh/hits.hpp"

#include "kernels/focalh/event_graph.hpp"

namespace calofuse {
layers::PointCloud FocalHits::operator()(Tape& tape, Batch const& batch, layers::Edges edges) const
{
    std::int64_t const events = batch.size();
    std::int64_t const hits = events * max_hits(options_.rule);
    std::int64_t const most_edges = events * max_edges(options_);
    layers::PointCloud cloud{
        .row_ptr = tape.make_value(DType::i32, {events + 1}),
        .x = {.value = tape.make_value(DType::f32, {hits, kNumHitFeatures}), .grad = {}},
        .position = tape.make_value(DType::f32, {hits, 2}),
        .edge_ptr = {},
        .source = {},
        .edge_x = {}};
    if (edges != layers::Edges::none) {
        cloud.edge_ptr = tape.make_value(DType::i32, {hits + 1});
        cloud.source = tape.make_value(DType::i32, {most_edges});
    }
    if (edges == layers::Edges::with_features)
        cloud.edge_x = tape.make_value(DType::f32, {most_edges, kNumHitEdgeFeatures});
    record(tape, "event_graph", event_graph,
           {.adc = batch.at("adc").data,
            .rows = batch.row,
            .channels = adc_->channels(),
            .pedestal = adc_->pedestals(tape),
            .options = options_,
            .row_ptr = cloud.row_ptr,
            .x = cloud.x.value,
            .position = cloud.position,
            .edge_ptr = cloud.edge_ptr,
            .source = cloud.source,
            .edge_x = cloud.edge_x});
    return cloud;
}
}  // namespace calofuse
