/// \file kernels/focalh/event_graph.hpp
/// From raw ADC words to a ragged batch of kNN graphs of hits, in one operator: what pedestal,
/// cluster, hit_features and the graph operators do one after the other, to the same bits.
/// Rules, features and position units: kernels/focalh/hits.hpp.
///   nodes of event b: rows row_ptr[b] .. row_ptr[b + 1] - 1, by first cell; a row of -1 has none
///   incoming edges of node i: edge_ptr[i] .. edge_ptr[i + 1] - 1, `source` = rows of the
///     min(k, n - 1) nearest other nodes, by (d2, index); with symmetrise also of the nodes that have
///     i among theirs, and all in ascending order
///   edge_x = (dx, dy, d, log(energy_source / energy_target)), dx = x_source - x_target, in 100 mm
/// N and E are capacities that always suffice: B max_hits(rule) and B max_edges(options). Rows
/// beyond the last node or edge are not written. Networks that search their own neighbours need no
/// edges: without edge_ptr and source none are made.
#pragma once

#include "kernels/focalh/hits.hpp"
#include "runtime/context.hpp"

namespace calofuse {
struct EventGraphArgs {
    TensorRef adc;         ///< (N_events, 256) u16  all events
    TensorRef rows;        ///< (B)   i32  event of each graph, below N_events; -1 = no hits
    TensorRef channels;    ///< (249) i32  channel of each cell
    TensorRef pedestal;    ///< (256) f32  ADC
    TensorRef noise = {};  ///< (256) f32  sigma, ADC; empty: the threshold alone
    HitOptions options = {};
    TensorRef row_ptr;        ///< (B + 1)  i32
    TensorRef x;              ///< (N, 24)  f32  N >= B max_hits(rule)
    TensorRef position;       ///< (N, 2)   f32  units of kMillimetresPerPositionUnit
    TensorRef energy = {};    ///< (N)      f32  sum of each hit, ADC; empty: not wanted
    TensorRef edge_ptr = {};  ///< (N + 1)  i32  empty: no edges
    TensorRef source = {};    ///< (E)      i32  E >= B max_edges(options); empty: no edges
    TensorRef edge_x = {};    ///< (E, 4)   f32  empty: not wanted
};

void event_graph(Context& ctx, EventGraphArgs const& args);

namespace cpu {
void event_graph(Context& ctx, EventGraphArgs const& args);
}  // namespace cpu
namespace cuda {
void event_graph(Context& ctx, EventGraphArgs const& args);
}  // namespace cuda
}  // namespace calofuse
