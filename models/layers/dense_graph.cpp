#include "models/layers/dense_graph.hpp"

#include "kernels/graph/adjacency.hpp"
#include "kernels/graph/dense_gat.hpp"
#include "models/layers/linear.hpp"

namespace calofuse::layers {
namespace {
/// x (B, V, in) kernel: (B, V, out).
Var map_nodes(Tape& tape, Var x, ParameterGroup kernel, std::int64_t out)
{
    std::int64_t const batch = x.value.shape[0], nodes = x.value.shape[1];
    Var const rows = x.reshaped({batch * nodes, x.value.shape[2]});
    return linear(tape, rows, tape.var(kernel), {}, out).reshaped({batch, nodes, out});
}

/// y = relu(A u + r + bias); `r` may be without value.
Var gather(Tape& tape, Var u, Var r, Var bias, TensorRef a)
{
    auto const& s = u.value.shape;
    Var const y = tape.make({s[0], s[1], s[2]});
    record(tape, "adjacency", adjacency_forward,
           {.a = a,
            .u = u.value,
            .r = r.value,
            .bias = bias.value,
            .activation = NodeActivation::relu,
            .y = y.value},
           adjacency_backward,
           {.a = a,
            .y = y.value,
            .dy = y.grad,
            .activation = NodeActivation::relu,
            .du = u.grad,
            .dr = r.grad,
            .dbias = bias.grad});
    return y;
}
}  // namespace

DenseGcs::DenseGcs(
    Parameters& parameters, std::string const& name, std::int64_t in, std::int64_t out_, Init init)
    : kernel_1(parameters.add({name + ".kernel_1", {in, out_}, init}))
    , kernel_2(parameters.add({name + ".kernel_2", {in, out_}, init}))
    , bias(parameters.add({name + ".bias", {out_}, Init::zeros}))
    , out(out_)
{}

Var DenseGcs::operator()(Tape& tape, Var x, TensorRef a) const
{
    Var const u = map_nodes(tape, x, kernel_1, out), r = map_nodes(tape, x, kernel_2, out);
    return gather(tape, u, r, tape.var(bias), a);
}

DenseGcn::DenseGcn(
    Parameters& parameters, std::string const& name, std::int64_t in, std::int64_t out_, Init init)
    : kernel(parameters.add({name + ".kernel", {in, out_}, init}))
    , bias(parameters.add({name + ".bias", {out_}, Init::zeros}))
    , out(out_)
{}

Var DenseGcn::operator()(Tape& tape, Var x, TensorRef a) const
{
    return gather(tape, map_nodes(tape, x, kernel, out), {}, tape.var(bias), a);
}

DenseGat::DenseGat(Parameters& parameters,
                   std::string const& name,
                   std::int64_t in,
                   std::int64_t out_,
                   std::int64_t heads_,
                   Init init)
    : out(out_), heads(heads_)
{
    std::int64_t const c = out / heads;
    kernel = parameters.add({name + ".kernel", {in, heads, c}, init});
    attention_self = parameters.add({name + ".attn_kernel_self", {c, heads, 1}, init});
    attention_neighbour = parameters.add({name + ".attn_kernel_neigh", {c, heads, 1}, init});
    bias = parameters.add({name + ".bias", {out}, Init::zeros});
}

Var DenseGat::operator()(Tape& tape, Var x, TensorRef a) const
{
    std::int64_t const batch = x.value.shape[0], nodes = x.value.shape[1], c = out / heads;
    Var const h = map_nodes(tape, x, kernel, out).reshaped({batch, nodes, heads, c});
    Var const self = tape.var(attention_self).reshaped({c, heads});
    Var const neighbour = tape.var(attention_neighbour).reshaped({c, heads});
    Var const b = tape.var(bias);
    Var const y = tape.make({batch, nodes, out});
    TensorRef const alpha = tape.make_value(DType::f32, {batch, nodes, heads, nodes});
    DenseGatOptions const options{.activation = NodeActivation::relu};
    record(tape, "dense_gat", dense_gat_forward,
           {.a = a,
            .h = h.value,
            .attn_self = self.value,
            .attn_neigh = neighbour.value,
            .bias = b.value,
            .options = options,
            .alpha = alpha,
            .y = y.value},
           dense_gat_backward,
           {.h = h.value,
            .attn_self = self.value,
            .attn_neigh = neighbour.value,
            .alpha = alpha,
            .y = y.value,
            .options = options,
            .dy = y.grad,
            .dh = h.grad,
            .dattn_self = self.grad,
            .dattn_neigh = neighbour.grad,
            .dbias = b.grad});
    return y;
}

DenseGraph make_dense_graph(Parameters& parameters,
                            DenseGraphKind kind,
                            std::string const& name,
                            std::int64_t in,
                            std::int64_t out,
                            std::int64_t heads,
                            Init init)
{
    switch (kind) {
        case DenseGraphKind::gcs:
            break;
        case DenseGraphKind::gcn:
            return DenseGcn(parameters, name, in, out, init);
        case DenseGraphKind::gat:
            return DenseGat(parameters, name, in, out, heads, init);
    }
    return DenseGcs(parameters, name, in, out, init);
}

std::vector<float> normalised_for(DenseGraphKind kind, std::vector<float> adjacency)
{
    switch (kind) {
        case DenseGraphKind::gcs:
            return normalised_adjacency(adjacency);
        case DenseGraphKind::gcn:
            return normalised_adjacency_with_loops(std::move(adjacency));
        case DenseGraphKind::gat:
            break;
    }
    return adjacency;
}
}  // namespace calofuse::layers
