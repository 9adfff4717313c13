/// \file models/layers/graph.hpp
/// Graph convolutions on the constant graph of the detector's modules, and the readout.
#pragma once

#include <string>
#include <vector>

#include "models/layers/dense.hpp"

namespace calofuse::layers {
enum class GraphKind : std::uint8_t { gcs, gcn, gat };

/// Weights of one graph convolution. Which are used depends on the kind:
///   gcs: relu(A x kernel + x kernel_2 + bias)    gcn: relu(A x kernel + bias)
///   gat: relu(attention over the neighbours, heads side by side, + bias)
struct GraphWeights {
    GraphKind kind = GraphKind::gcs;
    ParameterGroup kernel, kernel_2, attention_self, attention_neighbour, bias;
    std::int64_t out = 0, heads = 1;
};

/// Adds the weights under Spektral's names (`<name>.kernel_1`, ...); `gnn` is gcs, gcn or gat.
GraphWeights add_graph_weights(Parameters& parameters,
                               std::string const& name,
                               std::string const& gnn,
                               std::int64_t in,
                               std::int64_t out,
                               std::int64_t heads,
                               Init init);

/// (9, 9) adjacency of the 3 x 3 modules, normalised as the kind of layer wants it;
/// `adjacency` is grid8, grid4 or full.
std::vector<float> module_adjacency(std::string const& adjacency, std::string const& gnn);

/// x (B, V, F) -> (B, V, out); a (V, V).
Var graph_conv(
    Tape& tape, Parameters const& parameters, Var x, TensorRef a, GraphWeights const& weights);

/// x (B, V, F), extra (B) -> (B, F + 1): mean, max or sum over the nodes, then `extra`.
Var readout_with(Tape& tape, Var x, std::string const& kind, TensorRef extra);
}  // namespace calofuse::layers
