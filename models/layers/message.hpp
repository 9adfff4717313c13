/// \file models/layers/message.hpp
/// Convolutions on points without attention: a cloud with features (R, in) -> (R, out).
#pragma once

#include "kernels/graph/edge_conv.hpp"
#include "kernels/graph/gravnet.hpp"
#include "models/layers/linear.hpp"
#include "models/layers/points.hpp"

namespace calofuse::layers {
/// Normalised neighbourhood sums (kernels/graph/gcn.hpp). Weights `<name>.lin.kernel` (in, out),
/// `.bias` (out).
struct GcnLayer {
    Linear lin;
    ParameterGroup bias;

    GcnLayer(Parameters& parameters, std::string const& name, std::int64_t in, std::int64_t out);
    std::int64_t out() const { return lin.out; }
    Edges edges() const { return Edges::plain; }
    Var operator()(Tape& tape, PointCloud const& cloud) const;
};

struct EdgeConvOptions {
    std::int64_t out = 128;
    EdgeAggregate aggregate = EdgeAggregate::max;
    bool dynamic = false;         ///< neighbours in the space of the features
    std::int64_t neighbours = 8;  ///< of dynamic, the point itself among them
};

/// A network of two layers on every edge, then max, sum or mean (kernels/graph/edge_conv.hpp). Weights
/// `<name>.lin_target` (in, out) with bias, `.lin_neighbour` (in, out), `.lin_out` (out, out) with bias.
struct EdgeConvLayer {
    EdgeConvOptions options;
    Linear lin_target, lin_neighbour, lin_out;

    EdgeConvLayer(Parameters& parameters,
                  std::string const& name,
                  std::int64_t in,
                  EdgeConvOptions options);
    std::int64_t out() const { return options.out; }
    Edges edges() const { return options.dynamic ? Edges::none : Edges::plain; }
    Var operator()(Tape& tape, PointCloud const& cloud) const;
};

struct GravNetOptions {
    std::int64_t out = 128;
    std::int64_t space = 4;       ///< S, dimensions of the learned coordinates
    std::int64_t propagate = 22;  ///< P, features that are gathered
    std::int64_t neighbours = 8;  ///< k of the variant
    GravNetVariant variant = GravNetVariant::pyg;
};

/// Points gather from their neighbours in a learned space (kernels/graph/gravnet.hpp); the gathered
/// features go through a dense layer. Weights `<name>.lin_s` (in, S), `.lin_h` (in, P), `.lin_out`
/// (2 P, out), all with bias.
struct GravNetLayer {
    GravNetOptions options;
    Linear lin_space, lin_feature, lin_out;

    GravNetLayer(Parameters& parameters,
                 std::string const& name,
                 std::int64_t in,
                 GravNetOptions options);
    std::int64_t out() const { return options.out; }
    Edges edges() const { return Edges::none; }
    Var operator()(Tape& tape, PointCloud const& cloud) const;
};
}  // namespace calofuse::layers
