#include "kernels/graph/gat.hpp"
#include "kernels/graph/gatv2.hpp"
#include "models/layers/hit_pass.hpp"

namespace calofuse::layers {
namespace {
EventDropout event_dropout(Tape const& tape, DropoutLayer const& layer)
{
    if (tape.mode() != Mode::train || layer.rate == 0.0F) return {};
    return {.step = tape.step(), .seed = layer.seed, .stream = layer.stream(), .rate = layer.rate};
}

/// Room for the weights of attention, where somebody wants to see them.
AttentionOutput make_attention(HitPass const& p, AttentionOutput* wanted)
{
    if (wanted == nullptr) return {};
    *wanted = {p.tape.make_value(DType::f32, {p.graph.edges(), p.options.heads}),
               p.tape.make_value(DType::f32, {p.graph.nodes(), p.options.heads})};
    return *wanted;
}

/// What both kinds share.
struct AttentionPass {
    Var bias, edge_weight, y;
    AttentionOutput alpha;
    TensorRef edge;

    AttentionPass(HitPass const& p, AttentionOutput* attention)
        : bias(p.parameters.var(p.weights.bias))
        , y(p.make(p.weights.out))
        , alpha(make_attention(p, attention))
    {
        if (!p.options.edge_features) return;
        edge = p.graph.edge_x;
        edge_weight = p.parameters.var(p.weights.lin_edge.kernel)
                          .reshaped({kNumHitEdgeFeatures, p.options.heads, p.options.channels});
    }
};

/// A weight (H, C).
Var per_head(HitPass const& p, ParameterGroup group)
{
    return p.parameters.var(group).reshaped({p.options.heads, p.options.channels});
}
}  // namespace

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
        w.lin = add_glorot_map(parameters, name + ".lin", in, h * c, false);
        w.att_source = per_head(".att_src");
        w.att_target = per_head(".att_dst");
        if (options.edge_features) w.att_edge = per_head(".att_edge");
    } else {
        w.lin = add_glorot_map(parameters, name + ".lin_l", in, h * c, true);
        w.lin_target = add_glorot_map(parameters, name + ".lin_r", in, h * c, true);
        w.att_source = per_head(".att");
    }
    if (options.edge_features)
        w.lin_edge =
            add_glorot_map(parameters, name + ".lin_edge", kNumHitEdgeFeatures, h * c, false);
    w.merge = last ? HeadMerge::mean : HeadMerge::concat;
    w.out = last ? c : h * c;
    w.bias = parameters.add({name + ".bias", {w.out}, Init::zeros});
}

Var gat(HitPass const& p, Var x, DropoutLayer const& dropout, AttentionOutput* attention)
{
    std::int64_t const n = p.graph.nodes(), h = p.options.heads;
    Var const z = p.map(x, p.weights.lin, false).reshaped({n, h, p.options.channels});
    Var const source = per_head(p, p.weights.att_source),
              target = per_head(p, p.weights.att_target);
    Var const att_edge = p.options.edge_features ? per_head(p, p.weights.att_edge) : Var{};
    AttentionPass const a(p, attention);
    GatArgs const args{
        .in = {.h = z.value,
               .att_source = source.value,
               .att_target = target.value,
               .row_ptr = p.graph.row_ptr,
               .edge_ptr = p.graph.edge_ptr,
               .source = p.graph.source,
               .edge = a.edge,
               .edge_weight = a.edge_weight.value,
               .att_edge = att_edge.value},
        .bias = a.bias.value,
        .options = {.merge = p.weights.merge, .dropout = event_dropout(p.tape, dropout)},
        .saved = p.tape.make_value(DType::f32, {n, 3, padded_heads(h)}),
        .y = a.y.value,
        .alpha = a.alpha.alpha,
        .alpha_loop = a.alpha.alpha_loop};
    GatGradArgs const grad{.in = args.in,
                           .options = args.options,
                           .saved = args.saved,
                           .dy = a.y.grad,
                           .dh = z.grad,
                           .datt_source = source.grad,
                           .datt_target = target.grad,
                           .dbias = a.bias.grad,
                           .dedge_weight = a.edge_weight.grad,
                           .datt_edge = att_edge.grad};
    Context* const ctx = &p.tape.ctx();
    p.tape.record(
        "gat", [=] { gat_forward(*ctx, args); }, [=] { gat_backward(*ctx, grad); });
    return a.y;
}

Var gatv2(HitPass const& p, Var x, DropoutLayer const& dropout, AttentionOutput* attention)
{
    std::int64_t const n = p.graph.nodes(), h = p.options.heads, c = p.options.channels;
    Var const left = p.map(x, p.weights.lin, true).reshaped({n, h, c});
    Var const right = p.map(x, p.weights.lin_target, true).reshaped({n, h, c});
    Var const att = per_head(p, p.weights.att_source);
    AttentionPass const a(p, attention);
    Gatv2Args const args{
        .in = {.left = left.value,
               .right = right.value,
               .att = att.value,
               .row_ptr = p.graph.row_ptr,
               .edge_ptr = p.graph.edge_ptr,
               .source = p.graph.source,
               .edge = a.edge,
               .edge_weight = a.edge_weight.value},
        .bias = a.bias.value,
        .options = {.merge = p.weights.merge, .dropout = event_dropout(p.tape, dropout)},
        .saved = p.tape.make_value(DType::f32, {n, padded_heads(h)}),
        .y = a.y.value,
        .alpha = a.alpha.alpha,
        .alpha_loop = a.alpha.alpha_loop};
    Gatv2GradArgs const grad{.in = args.in,
                             .options = args.options,
                             .saved = args.saved,
                             .dy = a.y.grad,
                             .dleft = left.grad,
                             .dright = right.grad,
                             .datt = att.grad,
                             .dbias = a.bias.grad,
                             .dedge_weight = a.edge_weight.grad};
    Context* const ctx = &p.tape.ctx();
    p.tape.record(
        "gatv2", [=] { gatv2_forward(*ctx, args); }, [=] { gatv2_backward(*ctx, grad); });
    return a.y;
}
}  // namespace calofuse::layers
