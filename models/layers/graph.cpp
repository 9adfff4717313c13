#include "models/layers/graph.hpp"

#include "kernels/graph/adjacency.hpp"
#include "kernels/graph/dense_gat.hpp"
#include "kernels/graph/readout.hpp"

namespace calofuse::layers {
namespace {
GraphKind kind_of(std::string const& gnn)
{
    return gnn == "gat" ? GraphKind::gat : gnn == "gcn" ? GraphKind::gcn : GraphKind::gcs;
}

/// y = relu(A u + r + bias); `r` may be without value.
Var gather(Tape& tape, Var u, Var r, Var bias, TensorRef a)
{
    auto const& s = u.value.shape;
    Var const y = tape.make({s[0], s[1], s[2]});
    Context* const ctx = &tape.ctx();
    tape.record(
        "adjacency",
        [=] {
            adjacency_forward(*ctx, {.a = a,
                                     .u = u.value,
                                     .r = r.value,
                                     .bias = bias.value,
                                     .activation = NodeActivation::relu,
                                     .y = y.value});
        },
        [=] {
            adjacency_backward(*ctx, {.a = a,
                                      .y = y.value,
                                      .dy = y.grad,
                                      .activation = NodeActivation::relu,
                                      .du = u.grad,
                                      .dr = r.grad,
                                      .dbias = bias.grad});
        });
    return y;
}
/// y = relu(attention over the neighbours + bias), heads side by side; h (B, V, heads * C).
Var attend(
    Tape& tape, Parameters const& parameters, Var h, TensorRef a, GraphWeights const& weights)
{
    std::int64_t const batch = h.value.shape[0], nodes = h.value.shape[1];
    std::int64_t const heads = weights.heads, c = weights.out / heads;
    Var const y = tape.make({batch, nodes, weights.out});
    Var const by_head = h.reshaped({batch, nodes, heads, c});
    Var const self = parameters.var(weights.attention_self).reshaped({c, heads});
    Var const neighbour = parameters.var(weights.attention_neighbour).reshaped({c, heads});
    Var const bias = parameters.var(weights.bias);
    TensorRef const alpha = tape.make_value(DType::f32, {batch, nodes, heads, nodes});
    DenseGatOptions const options{.activation = NodeActivation::relu};
    Context* const ctx = &tape.ctx();
    tape.record(
        "dense_gat",
        [=] {
            dense_gat_forward(*ctx, {.a = a,
                                     .h = by_head.value,
                                     .attn_self = self.value,
                                     .attn_neigh = neighbour.value,
                                     .bias = bias.value,
                                     .options = options,
                                     .alpha = alpha,
                                     .y = y.value});
        },
        [=] {
            dense_gat_backward(*ctx, {.h = by_head.value,
                                      .attn_self = self.value,
                                      .attn_neigh = neighbour.value,
                                      .alpha = alpha,
                                      .y = y.value,
                                      .options = options,
                                      .dy = y.grad,
                                      .dh = by_head.grad,
                                      .dattn_self = self.grad,
                                      .dattn_neigh = neighbour.grad,
                                      .dbias = bias.grad});
        });
    return y;
}
}  // namespace

GraphWeights add_graph_weights(Parameters& parameters,
                               std::string const& name,
                               std::string const& gnn,
                               std::int64_t in,
                               std::int64_t out,
                               std::int64_t heads,
                               Init init)
{
    GraphWeights w;
    w.kind = kind_of(gnn);
    w.out = out;
    if (w.kind == GraphKind::gat) {
        w.heads = heads;
        std::int64_t const c = out / heads;
        w.kernel = parameters.add({name + ".kernel", {in, heads, c}, init});
        w.attention_self = parameters.add({name + ".attn_kernel_self", {c, heads, 1}, init});
        w.attention_neighbour = parameters.add({name + ".attn_kernel_neigh", {c, heads, 1}, init});
    } else if (w.kind == GraphKind::gcs) {
        w.kernel = parameters.add({name + ".kernel_1", {in, out}, init});
        w.kernel_2 = parameters.add({name + ".kernel_2", {in, out}, init});
    } else {
        w.kernel = parameters.add({name + ".kernel", {in, out}, init});
    }
    w.bias = parameters.add({name + ".bias", {out}, Init::zeros});
    return w;
}

std::vector<float> module_adjacency(std::string const& adjacency, std::string const& gnn)
{
    GridNeighbours const neighbours = adjacency == "full"    ? GridNeighbours::all
                                      : adjacency == "grid4" ? GridNeighbours::four
                                                             : GridNeighbours::eight;
    std::vector<float> const a = grid_adjacency(3, 3, neighbours);
    switch (kind_of(gnn)) {
        case GraphKind::gcs:
            return normalised_adjacency(a);
        case GraphKind::gcn:
            return normalised_adjacency_with_loops(a);
        case GraphKind::gat:
            return a;  // the layer adds the loops itself
    }
    return a;
}

Var graph_conv(
    Tape& tape, Parameters const& parameters, Var x, TensorRef a, GraphWeights const& weights)
{
    std::int64_t const batch = x.value.shape[0], nodes = x.value.shape[1];
    Var const rows = x.reshaped({batch * nodes, x.value.shape[2]});
    auto map = [&](ParameterGroup kernel) {
        LinearWeights w;
        w.kernel = kernel;
        w.out = weights.out;
        return linear(tape, parameters, rows, w, false).reshaped({batch, nodes, weights.out});
    };
    Var const bias = parameters.var(weights.bias);
    Var const u = map(weights.kernel);
    switch (weights.kind) {
        case GraphKind::gcs:
            return gather(tape, u, map(weights.kernel_2), bias, a);
        case GraphKind::gcn:
            return gather(tape, u, {}, bias, a);
        case GraphKind::gat:
            return attend(tape, parameters, u, a, weights);
    }
    return u;
}

Var readout_with(Tape& tape, Var x, std::string const& kind, TensorRef extra)
{
    std::int64_t const batch = x.value.shape[0], features = x.value.shape[2];
    ReadoutKind const how = kind == "max"   ? ReadoutKind::max
                            : kind == "sum" ? ReadoutKind::sum
                                            : ReadoutKind::mean;
    Var const y = tape.make({batch, features + 1});
    TensorRef const largest =
        how == ReadoutKind::max ? tape.make_value(DType::i32, {batch, features}) : TensorRef{};
    TensorRef const column = extra.reshaped({batch, 1, 1});
    Context* const ctx = &tape.ctx();
    tape.record(
        "readout",
        [=] {
            readout_forward(*ctx, {.x = x.value, .kind = how, .y = y.value, .largest = largest});
            readout_forward(
                *ctx, {.x = column, .kind = ReadoutKind::sum, .column = features, .y = y.value});
        },
        [=] {
            readout_backward(*ctx, {.kind = how, .dy = y.grad, .largest = largest, .dx = x.grad});
        });
    return y;
}
}  // namespace calofuse::layers
