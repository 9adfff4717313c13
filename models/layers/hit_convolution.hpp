/// \file models/layers/hit_convolution.hpp
/// Graph convolutions on hits: which weights each kind has, and its pass on a tape.
#pragma once

#include <string>

#include "kernels/graph/attention.hpp"
#include "kernels/graph/edge_conv.hpp"
#include "kernels/graph/gravnet.hpp"
#include "models/layers/hit_graph.hpp"

namespace calofuse::layers {
enum class HitConvolution : std::uint8_t { gat, gatv2, edge_conv, gcn, gravnet };

/// What all layers of a network have in common.
struct HitConvolutionOptions {
    HitConvolution kind = HitConvolution::gat;
    std::int64_t heads = 4, channels = 32;  ///< of attention; other kinds: out = heads * channels
    bool edge_features = false;             ///< gat, gatv2
    float attention_dropout = 0;            ///< gat, gatv2
    EdgeAggregate aggregate = EdgeAggregate::max;  ///< edge_conv
    bool dynamic = false;                          ///< edge_conv: kNN in feature space
    std::int64_t neighbours = 8;                   ///< of dynamic edge_conv and gravnet
    std::int64_t space = 4;                        ///< gravnet: dimensions of the coordinates
    std::int64_t propagate = 22;                   ///< gravnet: features that are gathered
    GravNetVariant variant = GravNetVariant::pyg;  ///< gravnet
};

/// Edges of the events that its layers read. Where each layer searches its own neighbours: none.
HitEdges edges_of(HitConvolutionOptions const& options);

/// Weights of one layer; which are used depends on the kind (models/README.md has their names).
struct HitConvolutionWeights {
    LinearWeights lin, lin_target, lin_edge, lin_space, lin_out;
    ParameterGroup att_source, att_target, att_edge, bias;
    HeadMerge merge = HeadMerge::concat;
    std::int64_t out = 0;
};

/// `last`: attention averages its heads instead of putting them side by side.
HitConvolutionWeights add_hit_convolution(Parameters& parameters,
                                          std::string const& name,
                                          HitConvolutionOptions const& options,
                                          std::int64_t in,
                                          bool last);

/// Where attention weights go in a pass that is made to look at them.
struct AttentionOutput {
    TensorRef alpha;       ///< (E, H) f32 of the edges
    TensorRef alpha_loop;  ///< (N, H) f32 of the added loops
};

/// x (N, in) -> (N, out). `attention` is filled by gat and gatv2 if it is given.
Var hit_convolution(Tape& tape,
                    Parameters const& parameters,
                    Var x,
                    HitGraph const& graph,
                    HitConvolutionOptions const& options,
                    HitConvolutionWeights const& weights,
                    DropoutLayer const& attention_dropout,
                    AttentionOutput* attention = nullptr);
}  // namespace calofuse::layers
