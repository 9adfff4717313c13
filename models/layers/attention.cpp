#include "models/layers/attention.hpp"

#include "kernels/graph/gat.hpp"
#include "kernels/graph/gatv2.hpp"
#include "models/layers/activation.hpp"

namespace calofuse::layers {
namespace {
ParameterGroup add_per_head(Parameters& parameters,
                            std::string const& name,
                            AttentionOptions const& o)
{
    return parameters.add({name, {o.heads, o.channels}, Init::glorot_uniform});
}

std::optional<Linear> add_lin_edge(Parameters& parameters,
                                   std::string const& name,
                                   AttentionOptions const& o)
{
    if (!o.edge_features) return {};
    return Linear(parameters, name + ".lin_edge", *o.edge_features, o.heads * o.channels,
                  Init::glorot_uniform, Bias::none);
}

ParameterGroup add_bias(Parameters& parameters, std::string const& name, AttentionOptions const& o)
{
    return parameters.add({name + ".bias", {o.out()}, Init::zeros});
}

/// A weight (H, C).
Var per_head(Tape& tape, ParameterGroup group, AttentionOptions const& o)
{
    return tape.var(group).reshaped({o.heads, o.channels});
}

/// The map of the edges' features (G, H, C), or nothing.
Var edge_weight(Tape& tape, std::optional<Linear> const& lin_edge, AttentionOptions const& o)
{
    if (!lin_edge) return {};
    return tape.var(lin_edge->kernel).reshaped({*o.edge_features, o.heads, o.channels});
}

/// Room for the weights of attention, where somebody wants to see them.
AttentionOutput make_attention(Tape& tape,
                               PointCloud const& cloud,
                               AttentionOptions const& o,
                               AttentionOutput* wanted)
{
    if (wanted == nullptr) return {};
    *wanted = {tape.make_value(DType::f32, {cloud.edges(), o.heads}),
               tape.make_value(DType::f32, {cloud.points(), o.heads})};
    return *wanted;
}
}  // namespace

GatLayer::GatLayer(Parameters& parameters,
                   std::string const& name,
                   std::int64_t in,
                   AttentionOptions options_)
    : options(options_)
    , lin(parameters,
          name + ".lin",
          in,
          options.heads * options.channels,
          Init::glorot_uniform,
          Bias::none)
    , att_source(add_per_head(parameters, name + ".att_src", options))
    , att_target(add_per_head(parameters, name + ".att_dst", options))
{
    if (options.edge_features) att_edge = add_per_head(parameters, name + ".att_edge", options);
    lin_edge = add_lin_edge(parameters, name, options);
    bias = add_bias(parameters, name, options);
}

Var GatLayer::operator()(Tape& tape, PointCloud const& cloud, AttentionOutput* attention) const
{
    AttentionOptions const& o = options;
    std::int64_t const n = cloud.points();
    Var const z = lin(tape, cloud.x, cloud.row_ptr).reshaped({n, o.heads, o.channels});
    Var const from = per_head(tape, att_source, o), to = per_head(tape, att_target, o);
    Var const edge_score = lin_edge ? per_head(tape, att_edge, o) : Var{};
    Var const edge_map = edge_weight(tape, lin_edge, o);
    Var const b = tape.var(bias);
    Var const y = tape.make_ragged(cloud.row_ptr, n, out());
    AttentionOutput const alpha = make_attention(tape, cloud, o, attention);
    GatInputs const in{.h = z.value,
                       .att_source = from.value,
                       .att_target = to.value,
                       .row_ptr = cloud.row_ptr,
                       .edge_ptr = cloud.edge_ptr,
                       .source = cloud.source,
                       .edge = lin_edge ? cloud.edge_x : TensorRef{},
                       .edge_weight = edge_map.value,
                       .att_edge = edge_score.value};
    GatOptions const how{.merge = o.merge, .dropout = next_dropout(tape, o.dropout)};
    TensorRef const saved = tape.make_value(DType::f32, {n, 3, padded_heads(o.heads)});
    record(tape, "gat", gat_forward,
           {.in = in,
            .bias = b.value,
            .options = how,
            .saved = saved,
            .y = y.value,
            .alpha = alpha.alpha,
            .alpha_loop = alpha.alpha_loop},
           gat_backward,
           {.in = in,
            .options = how,
            .saved = saved,
            .dy = y.grad,
            .dh = z.grad,
            .datt_source = from.grad,
            .datt_target = to.grad,
            .dbias = b.grad,
            .dedge_weight = edge_map.grad,
            .datt_edge = edge_score.grad});
    return y;
}

Gatv2Layer::Gatv2Layer(Parameters& parameters,
                       std::string const& name,
                       std::int64_t in,
                       AttentionOptions options_)
    : options(options_)
    , lin_source(
          parameters, name + ".lin_l", in, options.heads * options.channels, Init::glorot_uniform)
    , lin_target(
          parameters, name + ".lin_r", in, options.heads * options.channels, Init::glorot_uniform)
    , att(add_per_head(parameters, name + ".att", options))
    , lin_edge(add_lin_edge(parameters, name, options))
{
    bias = add_bias(parameters, name, options);
}

Var Gatv2Layer::operator()(Tape& tape, PointCloud const& cloud, AttentionOutput* attention) const
{
    AttentionOptions const& o = options;
    std::int64_t const n = cloud.points();
    Var const left = lin_source(tape, cloud.x, cloud.row_ptr).reshaped({n, o.heads, o.channels});
    Var const right = lin_target(tape, cloud.x, cloud.row_ptr).reshaped({n, o.heads, o.channels});
    Var const score = per_head(tape, att, o), edge_map = edge_weight(tape, lin_edge, o);
    Var const b = tape.var(bias);
    Var const y = tape.make_ragged(cloud.row_ptr, n, out());
    AttentionOutput const alpha = make_attention(tape, cloud, o, attention);
    Gatv2Inputs const in{.left = left.value,
                         .right = right.value,
                         .att = score.value,
                         .row_ptr = cloud.row_ptr,
                         .edge_ptr = cloud.edge_ptr,
                         .source = cloud.source,
                         .edge = lin_edge ? cloud.edge_x : TensorRef{},
                         .edge_weight = edge_map.value};
    Gatv2Options const how{.merge = o.merge, .dropout = next_dropout(tape, o.dropout)};
    TensorRef const saved = tape.make_value(DType::f32, {n, padded_heads(o.heads)});
    record(tape, "gatv2", gatv2_forward,
           {.in = in,
            .bias = b.value,
            .options = how,
            .saved = saved,
            .y = y.value,
            .alpha = alpha.alpha,
            .alpha_loop = alpha.alpha_loop},
           gatv2_backward,
           {.in = in,
            .options = how,
            .saved = saved,
            .dy = y.grad,
            .dleft = left.grad,
            .dright = right.grad,
            .datt = score.grad,
            .dbias = b.grad,
            .dedge_weight = edge_map.grad});
    return y;
}
}  // namespace calofuse::layers
