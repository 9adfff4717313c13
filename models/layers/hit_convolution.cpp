#include "models/layers/hit_convolution.hpp"

#include "kernels/graph/csr.hpp"
#include "kernels/graph/gcn.hpp"
#include "kernels/graph/knn.hpp"
#include "models/layers/hit_pass.hpp"

namespace calofuse::layers {
LinearWeights add_glorot_map(
    Parameters& parameters, std::string const& name, std::int64_t in, std::int64_t out, bool bias)
{
    LinearWeights w;
    w.kernel = parameters.add({name + ".kernel", {in, out}, Init::glorot_uniform});
    if (bias) w.bias = parameters.add({name + ".bias", {out}, Init::zeros});
    w.out = out;
    return w;
}

namespace {
Var gcn(HitPass const& p, Var x)
{
    Var const u = p.map(x, p.weights.lin, false);
    Var const bias = p.parameters.var(p.weights.bias);
    Var const y = p.make(p.weights.out);
    HitGraph const& g = p.graph;
    GcnArgs const args{.u = u.value,
                       .row_ptr = g.row_ptr,
                       .edge_ptr = g.edge_ptr,
                       .source = g.source,
                       .bias = bias.value,
                       .y = y.value};
    GcnGradArgs const grad{.row_ptr = g.row_ptr,
                           .edge_ptr = g.edge_ptr,
                           .source = g.source,
                           .dy = y.grad,
                           .du = u.grad,
                           .dbias = bias.grad};
    Context* const ctx = &p.tape.ctx();
    p.tape.record(
        "gcn", [=] { gcn_forward(*ctx, args); }, [=] { gcn_backward(*ctx, grad); });
    return y;
}

/// (N, k) nearest hits in the space of x (N, D).
TensorRef nearest(HitPass const& p, TensorRef x, KnnSelf self)
{
    TensorRef const neighbours =
        p.tape.make_value(DType::i32, {p.graph.nodes(), p.options.neighbours});
    KnnArgs const args{.x = x, .row_ptr = p.graph.row_ptr, .self = self, .neighbours = neighbours};
    Context* const ctx = &p.tape.ctx();
    p.tape.record("knn", [=] { knn(*ctx, args); });
    return neighbours;
}

/// The graph as it is, or with the edges of the nearest neighbours in the space of x alone.
HitGraph rewired(HitPass const& p, TensorRef x)
{
    HitGraph graph = p.graph;
    if (!p.options.dynamic) return graph;
    TensorRef const neighbours = nearest(p, x, KnnSelf::first);
    graph.edge_ptr = p.tape.make_value(DType::i32, {graph.nodes() + 1});
    graph.source = p.tape.make_value(DType::i32, {neighbours.size()});
    CsrFromNeighboursArgs const args{.row_ptr = graph.row_ptr,
                                     .neighbours = neighbours,
                                     .edge_ptr = graph.edge_ptr,
                                     .source = graph.source};
    Context* const ctx = &p.tape.ctx();
    p.tape.record("csr", [=] { csr_from_neighbours(*ctx, args); });
    return graph;
}

Var edge_conv(HitPass const& p, Var x)
{
    HitGraph const g = rewired(p, x.value);
    Var const target = p.map(x, p.weights.lin_target, true);
    Var const neighbour = p.map(x, p.weights.lin, false);
    std::int64_t const hidden = p.weights.lin.out, out = p.weights.out;
    Var const w = p.parameters.var(p.weights.lin_out.kernel).reshaped({hidden, out});
    Var const bias = p.parameters.var(p.weights.lin_out.bias);
    Var const y = p.make(out);
    bool const is_max = p.options.aggregate == EdgeAggregate::max;
    EdgeConvArgs const args{
        .target = target.value,
        .neighbour = neighbour.value,
        .row_ptr = g.row_ptr,
        .edge_ptr = g.edge_ptr,
        .source = g.source,
        .w = w.value,
        .bias = bias.value,
        .aggregate = p.options.aggregate,
        .y = y.value,
        .winner = is_max ? p.tape.make_value(DType::i32, {g.nodes(), out}) : TensorRef{}};
    EdgeConvGradArgs const grad{.target = target.value,
                                .neighbour = neighbour.value,
                                .row_ptr = g.row_ptr,
                                .edge_ptr = g.edge_ptr,
                                .source = g.source,
                                .w = w.value,
                                .aggregate = p.options.aggregate,
                                .winner = args.winner,
                                .dy = y.grad,
                                .dtarget = target.grad,
                                .dneighbour = neighbour.grad,
                                .dw = w.grad,
                                .dbias = bias.grad};
    Context* const ctx = &p.tape.ctx();
    p.tape.record(
        "edge_conv", [=] { edge_conv_forward(*ctx, args); },
        [=] { edge_conv_backward(*ctx, grad); });
    return y;
}

/// The gathered features through a dense layer. The part that sees the hit's own features is the
/// shortcut of the block.
Var gravnet(HitPass const& p, Var x)
{
    Var const s = p.map(x, p.weights.lin_space, true);
    Var const h = p.map(x, p.weights.lin, true);
    // An implementation that counts the hit itself counts it among the k.
    HitConvolutionOptions others = p.options;
    if (gravnet_rule(p.options.variant).with_self) others.neighbours -= 1;
    HitPass const q{p.tape, p.parameters, p.graph, others, p.weights};
    Var const y = p.make(2 * p.options.propagate);
    GravNetArgs const args{
        .s = s.value,
        .h = h.value,
        .row_ptr = p.graph.row_ptr,
        .neighbour = nearest(q, s.value, KnnSelf::exclude),
        .variant = p.options.variant,
        .y = y.value,
        .winner = p.tape.make_value(DType::i32, {p.graph.nodes(), p.options.propagate})};
    GravNetGradArgs const grad{.s = s.value,
                               .h = h.value,
                               .row_ptr = args.row_ptr,
                               .neighbour = args.neighbour,
                               .variant = args.variant,
                               .winner = args.winner,
                               .dy = y.grad,
                               .ds = s.grad,
                               .dh = h.grad};
    Context* const ctx = &p.tape.ctx();
    p.tape.record(
        "gravnet", [=] { gravnet_forward(*ctx, args); }, [=] { gravnet_backward(*ctx, grad); });
    return p.map(y, p.weights.lin_out, true);
}
}  // namespace

HitEdges edges_of(HitConvolutionOptions const& options)
{
    switch (options.kind) {
        case HitConvolution::gat:
        case HitConvolution::gatv2:
            return options.edge_features ? HitEdges::with_features : HitEdges::plain;
        case HitConvolution::edge_conv:
            return options.dynamic ? HitEdges::none : HitEdges::plain;
        case HitConvolution::gcn:
            return HitEdges::plain;
        case HitConvolution::gravnet:
            break;
    }
    return HitEdges::none;
}

HitConvolutionWeights add_hit_convolution(Parameters& parameters,
                                          std::string const& name,
                                          HitConvolutionOptions const& options,
                                          std::int64_t in,
                                          bool last)
{
    HitConvolutionWeights w;
    w.out = options.heads * options.channels;
    switch (options.kind) {
        case HitConvolution::gat:
        case HitConvolution::gatv2:
            add_attention(parameters, name, options, in, last, w);
            break;
        case HitConvolution::edge_conv:
            w.lin_target = add_glorot_map(parameters, name + ".lin_target", in, w.out, true);
            w.lin = add_glorot_map(parameters, name + ".lin_neighbour", in, w.out, false);
            w.lin_out = add_glorot_map(parameters, name + ".lin_out", w.out, w.out, true);
            break;
        case HitConvolution::gcn:
            w.lin = add_glorot_map(parameters, name + ".lin", in, w.out, false);
            w.bias = parameters.add({name + ".bias", {w.out}, Init::zeros});
            break;
        case HitConvolution::gravnet:
            w.lin_space = add_glorot_map(parameters, name + ".lin_s", in, options.space, true);
            w.lin = add_glorot_map(parameters, name + ".lin_h", in, options.propagate, true);
            w.lin_out =
                add_glorot_map(parameters, name + ".lin_out", 2 * options.propagate, w.out, true);
            break;
    }
    return w;
}

Var hit_convolution(Tape& tape,
                    Parameters const& parameters,
                    Var x,
                    HitGraph const& graph,
                    HitConvolutionOptions const& options,
                    HitConvolutionWeights const& weights,
                    DropoutLayer const& attention_dropout,
                    AttentionOutput* attention)
{
    HitPass const pass{tape, parameters, graph, options, weights};
    switch (options.kind) {
        case HitConvolution::gat:
            return gat(pass, x, attention_dropout, attention);
        case HitConvolution::gatv2:
            return gatv2(pass, x, attention_dropout, attention);
        case HitConvolution::edge_conv:
            return edge_conv(pass, x);
        case HitConvolution::gcn:
            return gcn(pass, x);
        case HitConvolution::gravnet:
            break;
    }
    return gravnet(pass, x);
}
}  // namespace calofuse::layers
