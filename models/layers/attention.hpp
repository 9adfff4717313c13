/// \file models/layers/attention.hpp
/// Graph attention on points: a cloud with features (R, in) -> (R, out).
#pragma once

#include <optional>

#include "kernels/graph/attention.hpp"
#include "models/layers/linear.hpp"
#include "models/layers/points.hpp"

namespace calofuse::layers {
struct AttentionOptions {
    std::int64_t heads = 4, channels = 32;      ///< H, C
    HeadMerge merge = HeadMerge::concat;        ///< out: H C, or with `mean` C
    float dropout = 0;                          ///< of the weights of attention
    std::optional<std::int64_t> edge_features;  ///< G, where the features of the edges are read

    std::int64_t out() const { return merge == HeadMerge::mean ? channels : heads * channels; }
    Edges edges() const { return edge_features ? Edges::with_features : Edges::plain; }
};

/// Where attention weights go in a pass that is made to look at them.
struct AttentionOutput {
    TensorRef alpha;       ///< (E, H) f32 of the edges
    TensorRef alpha_loop;  ///< (R, H) f32 of the added loops
};

/// Graph attention (kernels/graph/gat.hpp). Weights `<name>.lin.kernel` (in, H C), `.att_src`,
/// `.att_dst` (H, C), `.bias` (out); with edge features `.att_edge` (H, C), `.lin_edge.kernel` (G, H C).
struct GatLayer {
    AttentionOptions options;
    Linear lin;
    ParameterGroup att_source, att_target, att_edge, bias;
    std::optional<Linear> lin_edge;

    GatLayer(Parameters& parameters,
             std::string const& name,
             std::int64_t in,
             AttentionOptions options);
    std::int64_t out() const { return options.out(); }
    Edges edges() const { return options.edges(); }
    Var operator()(Tape& tape, PointCloud const& cloud, AttentionOutput* attention = nullptr) const;
};

/// Attention whose scores see both ends at once (kernels/graph/gatv2.hpp). Weights `<name>.lin_l`,
/// `.lin_r` (in, H C) with bias, `.att` (H, C), `.bias` (out); with edge features `.lin_edge.kernel`.
struct Gatv2Layer {
    AttentionOptions options;
    Linear lin_source, lin_target;
    ParameterGroup att, bias;
    std::optional<Linear> lin_edge;

    Gatv2Layer(Parameters& parameters,
               std::string const& name,
               std::int64_t in,
               AttentionOptions options);
    std::int64_t out() const { return options.out(); }
    Edges edges() const { return options.edges(); }
    Var operator()(Tape& tape, PointCloud const& cloud, AttentionOutput* attention = nullptr) const;
};
}  // namespace calofuse::layers
