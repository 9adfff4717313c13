#include "models/layers/hit_convolution.hpp"

#include "kernels/graph/csr.hpp"
#include "kernels/graph/gat.hpp"
#include "kernels/graph/gcn.hpp"
#include "kernels/graph/knn.hpp"
#include "runtime/random.hpp"

namespace calofuse::layers {
namespace {
/// PyTorch Geometric starts the weights of its convolutions by Glorot's rule, biases at 0.
LinearWeights add_map(
    Parameters& parameters, std::string const& name, std::int64_t in, std::int64_t out, bool bias)
{
    LinearWeights w;
    w.kernel = parameters.add({name + ".kernel", {in, out}, Init::glorot_uniform});
    if (bias) w.bias = parameters.add({name + ".bias", {out}, Init::zeros});
    w.out = out;
    return w;
}

EventDropout event_dropout(Tape const& tape, DropoutKey const& key)
{
    if (tape.mode() != Mode::train || key.rate == 0.0F) return {};
    return {.step = tape.step(),
            .seed = key.seed,
            .stream = static_cast<std::uint32_t>(RandomStream::dropout) + key.layer,
            .rate = key.rate};
}

void add_attention(Parameters& parameters,
                   std::string const& name,
                   HitConvolutionOptions const& options,
                   std::int64_t in,
                   bool last,
                   HitConvolutionWeights& w)
{
    std::int64_t const h = options.heads, c = options.channels;
    auto const per_head = [&](char const* what) {
        return parameters.add({name + what, {h, c}, Init::glorot_uniform});
    };
    if (options.kind == HitConvolution::gat) {
        w.lin = add_map(parameters, name + ".lin", in, h * c, false);
        w.att_source = per_head(".att_src");
        w.att_target = per_head(".att_dst");
        if (options.edge_features) w.att_edge = per_head(".att_edge");
    } else {
        w.lin = add_map(parameters, name + ".lin_l", in, h * c, true);
        w.lin_target = add_map(parameters, name + ".lin_r", in, h * c, true);
        w.att_source = per_head(".att");
    }
    if (options.edge_features)
        w.lin_edge = add_map(parameters, name + ".lin_edge", kNumHitEdgeFeatures, h * c, false);
    w.merge = last ? HeadMerge::mean : HeadMerge::concat;
    w.out = last ? c : h * c;
    w.bias = parameters.add({name + ".bias", {w.out}, Init::zeros});
}

/// What the passes of all kinds need.
struct Pass {
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

/// With edge features, alpha and alpha_loop wanted or not.
AttentionOutput make_attention(Pass const& p, AttentionOutput* wanted)
{
    if (wanted == nullptr) return {};
    *wanted = {p.tape.make_value(DType::f32, {p.graph.edges(), p.options.heads}),
               p.tape.make_value(DType::f32, {p.graph.nodes(), p.options.heads})};
    return *wanted;
}

Var gat(Pass const& p, Var x, DropoutKey const& key, AttentionOutput* attention)
{
    std::int64_t const n = p.graph.nodes(), h = p.options.heads, c = p.options.channels;
    Var const z = p.map(x, p.weights.lin, false).reshaped({n, h, c});
    auto const per_head = [&](ParameterGroup g) {
        return p.parameters.var(g).reshaped({h, c});
    };
    Var const source = per_head(p.weights.att_source), target = per_head(p.weights.att_target);
    Var const bias = p.parameters.var(p.weights.bias);
    Var edge_weight, att_edge;
    if (p.options.edge_features) {
        edge_weight =
            p.parameters.var(p.weights.lin_edge.kernel).reshaped({kNumHitEdgeFeatures, h, c});
        att_edge = per_head(p.weights.att_edge);
    }
    GatInputs const in{.h = z.value,
                       .att_source = source.value,
                       .att_target = target.value,
                       .row_ptr = p.graph.row_ptr,
                       .edge_ptr = p.graph.edge_ptr,
                       .source = p.graph.source,
                       .edge = p.options.edge_features ? p.graph.edge_x : TensorRef{},
                       .edge_weight = edge_weight.value,
                       .att_edge = att_edge.value};
    Var const y = p.make(p.weights.out);
    AttentionOutput const alpha = make_attention(p, attention);
    GatArgs const args{.in = in,
                       .bias = bias.value,
                       .options = {.merge = p.weights.merge, .dropout = event_dropout(p.tape, key)},
                       .saved = p.tape.make_value(DType::f32, {n, 3, padded_heads(h)}),
                       .y = y.value,
                       .alpha = alpha.alpha,
                       .alpha_loop = alpha.alpha_loop};
    GatGradArgs const grad{.in = in,
                           .options = args.options,
                           .saved = args.saved,
                           .dy = y.grad,
                           .dh = z.grad,
                           .datt_source = source.grad,
                           .datt_target = target.grad,
                           .dbias = bias.grad,
                           .dedge_weight = edge_weight.grad,
                           .datt_edge = att_edge.grad};
    Context* const ctx = &p.tape.ctx();
    p.tape.record(
        "gat", [=] { gat_forward(*ctx, args); }, [=] { gat_backward(*ctx, grad); });
    return y;
}

Var gcn(Pass const& p, Var x)
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
TensorRef nearest(Pass const& p, TensorRef x, KnnSelf self)
{
    TensorRef const neighbours =
        p.tape.make_value(DType::i32, {p.graph.nodes(), p.options.neighbours});
    KnnArgs const args{.x = x, .row_ptr = p.graph.row_ptr, .self = self, .neighbours = neighbours};
    Context* const ctx = &p.tape.ctx();
    p.tape.record("knn", [=] { knn(*ctx, args); });
    return neighbours;
}

/// The graph as it is, or with the edges of the nearest neighbours in the space of x.
HitGraph rewired(Pass const& p, TensorRef x)
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

Var edge_conv(Pass const& p, Var x)
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
Var gravnet(Pass const& p, Var x)
{
    Var const s = p.map(x, p.weights.lin_space, true);
    Var const h = p.map(x, p.weights.lin, true);
    // An implementation that counts the hit itself counts it among the k.
    HitConvolutionOptions others = p.options;
    if (gravnet_rule(p.options.variant).with_self) others.neighbours -= 1;
    Pass const q{p.tape, p.parameters, p.graph, others, p.weights};
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
            w.lin_target = add_map(parameters, name + ".lin_target", in, w.out, true);
            w.lin = add_map(parameters, name + ".lin_neighbour", in, w.out, false);
            w.lin_out = add_map(parameters, name + ".lin_out", w.out, w.out, true);
            break;
        case HitConvolution::gcn:
            w.lin = add_map(parameters, name + ".lin", in, w.out, false);
            w.bias = parameters.add({name + ".bias", {w.out}, Init::zeros});
            break;
        case HitConvolution::gravnet:
            w.lin_space = add_map(parameters, name + ".lin_s", in, options.space, true);
            w.lin = add_map(parameters, name + ".lin_h", in, options.propagate, true);
            w.lin_out = add_map(parameters, name + ".lin_out", 2 * options.propagate, w.out, true);
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
                    DropoutKey const& attention_dropout,
                    AttentionOutput* attention)
{
    Pass const pass{tape, parameters, graph, options, weights};
    switch (options.kind) {
        case HitConvolution::gat:
            return gat(pass, x, attention_dropout, attention);
        case HitConvolution::gatv2:
            throw_not_built("gatv2", "any");
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
