/// \file models/layers/hit_pass.hpp
/// What the passes of all graph convolutions need; private to hit_convolution.cpp and hit_attention.cpp.
#pragma once

#include "models/layers/hit_convolution.hpp"

namespace calofuse::layers {
struct HitPass {
    Tape& tape;
    Parameters const& parameters;
    HitGraph const& graph;
    HitConvolutionOptions const& options;
    HitConvolutionWeights const& weights;

    Var map(Var x, LinearWeights const& w, bool bias) const
    {
        return linear(tape, parameters, x, w, bias, graph.row_ptr);
    }
    Var make(std::int64_t width) const
    {
        return tape.make_ragged(graph.row_ptr, graph.nodes(), width);
    }
};

/// A linear map that starts as PyTorch Geometric's do: Glorot's rule, biases at 0.
LinearWeights add_glorot_map(
    Parameters& parameters, std::string const& name, std::int64_t in, std::int64_t out, bool bias);

void add_attention(Parameters& parameters,
                   std::string const& name,
                   HitConvolutionOptions const& options,
                   std::int64_t in,
                   bool last,
                   HitConvolutionWeights& w);
Var gat(HitPass const& p, Var x, DropoutLayer const& dropout, AttentionOutput* attention);
Var gatv2(HitPass const& p, Var x, DropoutLayer const& dropout, AttentionOutput* attention);
}  // namespace calofuse::layers
