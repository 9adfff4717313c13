/// \file models/layers/dense_graph.hpp
/// Graph convolutions on one small graph that is the same for all events, given as its matrix A (V, V):
/// x (B, V, in) -> (B, V, out), with ReLU. Spektral's semantics and names of weights.
#pragma once

#include <variant>
#include <vector>

#include "models/engine/tape.hpp"
#include "runtime/names.hpp"

namespace calofuse::layers {
/// relu(A x kernel_1 + x kernel_2 + bias), A normalised without loops.
struct DenseGcs {
    ParameterGroup kernel_1, kernel_2, bias;
    std::int64_t out = 0;

    DenseGcs(Parameters& parameters,
             std::string const& name,
             std::int64_t in,
             std::int64_t out,
             Init init);
    Var operator()(Tape& tape, Var x, TensorRef a) const;
};

/// relu(A x kernel + bias), A normalised with loops.
struct DenseGcn {
    ParameterGroup kernel, bias;
    std::int64_t out = 0;

    DenseGcn(Parameters& parameters,
             std::string const& name,
             std::int64_t in,
             std::int64_t out,
             Init init);
    Var operator()(Tape& tape, Var x, TensorRef a) const;
};

/// relu(attention over the neighbours, heads side by side, + bias), A of zeros and ones; the layer adds
/// the loops itself.
struct DenseGat {
    ParameterGroup kernel, attention_self, attention_neighbour, bias;
    std::int64_t out = 0, heads = 1;

    DenseGat(Parameters& parameters,
             std::string const& name,
             std::int64_t in,
             std::int64_t out,
             std::int64_t heads,
             Init init);
    Var operator()(Tape& tape, Var x, TensorRef a) const;
};

enum class DenseGraphKind : std::uint8_t { gcs, gcn, gat };
constexpr auto names_of(DenseGraphKind)
{
    using K = DenseGraphKind;
    return std::to_array<Name<K>>({{K::gcs, "gcs"}, {K::gcn, "gcn"}, {K::gat, "gat"}});
}

using DenseGraph = std::variant<DenseGcs, DenseGcn, DenseGat>;
DenseGraph make_dense_graph(Parameters& parameters,
                            DenseGraphKind kind,
                            std::string const& name,
                            std::int64_t in,
                            std::int64_t out,
                            std::int64_t heads,
                            Init init);

/// `adjacency` (V, V) of zeros and ones as a layer of this kind wants it.
std::vector<float> normalised_for(DenseGraphKind kind, std::vector<float> adjacency);
}  // namespace calofuse::layers
