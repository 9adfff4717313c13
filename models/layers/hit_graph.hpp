/// \file models/layers/hit_graph.hpp
/// From raw events to ragged graphs of hits, and what every network on them shares: the residual
/// block around a graph convolution, and the readout.
#pragma once

#include "kernels/focalh/hits.hpp"
#include "kernels/graph/readout.hpp"
#include "models/engine/event_input.hpp"
#include "models/layers/dense.hpp"

namespace calofuse::layers {
/// A batch of graphs. N and E are capacities: row_ptr[B] hits and edge_ptr[row_ptr[B]] edges exist.
struct HitGraph {
    TensorRef row_ptr;   ///< (B + 1) i32  hits of event b
    TensorRef x;         ///< (N, F)  f32  features (kernels/focalh/hits.hpp)
    TensorRef position;  ///< (N, 2)  f32
    TensorRef edge_ptr;  ///< (N + 1) i32  incoming edges of a hit; empty: no edges
    TensorRef source;    ///< (E)     i32  hit that an edge comes from; empty: no edges
    TensorRef edge_x;    ///< (E, 4)  f32  features of the edges; empty: not made

    std::int64_t events() const { return row_ptr.shape[0] - 1; }
    std::int64_t nodes() const { return x.shape[0]; }
    std::int64_t edges() const { return source.shape[0]; }
};

/// What a network needs of the edges of the events' kNN graphs.
enum class HitEdges : std::uint8_t { none, plain, with_features };

HitGraph event_graph(Tape& tape,
                     EventBatch const& batch,
                     HitOptions const& options,
                     HitEdges edges);

struct LayerNormWeights {
    ParameterGroup gamma, beta;
};

/// y = dropout(elu(layer_norm(x))) + shortcut; x, shortcut and y (N, W).
Var norm_block(Tape& tape,
               Parameters const& parameters,
               Var x,
               LayerNormWeights const& weights,
               Var shortcut,
               DropoutLayer const& dropout,
               TensorRef row_ptr);

/// Hits to one vector an event (kernels/graph/readout.hpp): x (N, W) -> (B, readout_width(kind, W)).
Var hit_readout(Tape& tape, Var x, ReadoutKind kind, TensorRef row_ptr);

/// The same with learned weights (kernels/graph/attention_readout.hpp): x (N, W) -> (B, W). `gate` maps
/// a hit to its score (N, 1).
Var attention_readout(
    Tape& tape, Parameters const& parameters, Var x, LinearWeights const& gate, TensorRef row_ptr);
}  // namespace calofuse::layers
