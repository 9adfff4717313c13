#include "models/layers/hit_graph.hpp"

#include "kernels/dense/layer_norm.hpp"
#include "kernels/focalh/event_graph.hpp"
#include "kernels/graph/attention_readout.hpp"

namespace calofuse::layers {
HitGraph event_graph(Tape& tape, EventBatch const& batch, HitOptions const& options, HitEdges edges)
{
    std::int64_t const events = batch.size();
    std::int64_t const nodes = events * max_hits(options.rule);
    std::int64_t const most_edges = events * max_edges(options);
    HitGraph graph{.row_ptr = tape.make_value(DType::i32, {events + 1}),
                   .x = tape.make_value(DType::f32, {nodes, kNumHitFeatures}),
                   .position = tape.make_value(DType::f32, {nodes, 2}),
                   .edge_ptr = {},
                   .source = {},
                   .edge_x = {}};
    if (edges != HitEdges::none) {
        graph.edge_ptr = tape.make_value(DType::i32, {nodes + 1});
        graph.source = tape.make_value(DType::i32, {most_edges});
    }
    if (edges == HitEdges::with_features)
        graph.edge_x = tape.make_value(DType::f32, {most_edges, kNumHitEdgeFeatures});
    EventGraphArgs const args{.adc = batch.adc,
                              .rows = batch.rows,
                              .channels = batch.channels,
                              .pedestal = batch.pedestal,
                              .options = options,
                              .row_ptr = graph.row_ptr,
                              .x = graph.x,
                              .position = graph.position,
                              .edge_ptr = graph.edge_ptr,
                              .source = graph.source,
                              .edge_x = graph.edge_x};
    Context* const ctx = &tape.ctx();
    tape.record("event_graph", [=] { calofuse::event_graph(*ctx, args); });
    return graph;
}

Var norm_block(Tape& tape,
               Parameters const& parameters,
               Var x,
               LayerNormWeights const& weights,
               Var shortcut,
               DropoutLayer const& dropout,
               TensorRef row_ptr)
{
    constexpr std::int64_t kBitsPerWord = 16;
    std::int64_t const nodes = x.value.shape[0], width = x.value.shape[1];
    bool const drops = tape.mode() == Mode::train && dropout.rate > 0.0F;
    Var const y = tape.make_ragged(row_ptr, nodes, width);
    Var const gamma = parameters.var(weights.gamma), beta = parameters.var(weights.beta);
    LayerNormOptions options{.activation = LayerNormActivation::elu};
    if (drops)
        options.dropout = {.step = tape.step(),
                           .seed = dropout.seed,
                           .stream = dropout.stream(),
                           .rate = dropout.rate};
    LayerNormArgs args{.x = x.value,
                       .gamma = gamma.value,
                       .beta = beta.value,
                       .shortcut = shortcut.value,
                       .row_ptr = row_ptr,
                       .options = options,
                       .saved = tape.make_value(DType::f32, {nodes, 2}),
                       .y = y.value};
    if (drops)
        args.kept = tape.make_value(DType::u16, {nodes, (width + kBitsPerWord - 1) / kBitsPerWord});
    LayerNormGradArgs const grad{.x = x.value,
                                 .gamma = gamma.value,
                                 .beta = beta.value,
                                 .row_ptr = row_ptr,
                                 .options = options,
                                 .saved = args.saved,
                                 .kept = args.kept,
                                 .dy = y.grad,
                                 .dx = x.grad,
                                 .dgamma = gamma.grad,
                                 .dbeta = beta.grad,
                                 .dshortcut = shortcut.grad};
    Context* const ctx = &tape.ctx();
    tape.record(
        "layer_norm", [=] { layer_norm_forward(*ctx, args); },
        [=] { layer_norm_backward(*ctx, grad); });
    return y;
}

Var hit_readout(Tape& tape, Var x, ReadoutKind kind, TensorRef row_ptr)
{
    std::int64_t const events = row_ptr.shape[0] - 1, width = x.value.shape[1];
    Var const y = tape.make({events, readout_width(kind, width)});
    bool const has_max = kind == ReadoutKind::max || kind == ReadoutKind::mean_max_log_sum;
    ReadoutArgs const args{
        .x = x.value,
        .row_ptr = row_ptr,
        .kind = kind,
        .y = y.value,
        .largest = has_max ? tape.make_value(DType::i32, {events, width}) : TensorRef{}};
    ReadoutGradArgs const grad{
        .row_ptr = row_ptr, .kind = kind, .dy = y.grad, .largest = args.largest, .dx = x.grad};
    Context* const ctx = &tape.ctx();
    tape.record(
        "readout", [=] { readout_forward(*ctx, args); }, [=] { readout_backward(*ctx, grad); });
    return y;
}

Var attention_readout(
    Tape& tape, Parameters const& parameters, Var x, LinearWeights const& gate, TensorRef row_ptr)
{
    std::int64_t const events = row_ptr.shape[0] - 1, nodes = x.value.shape[0];
    Var const score = linear(tape, parameters, x, gate, true, row_ptr);
    Var const y = tape.make({events, x.value.shape[1]});
    AttentionReadoutArgs const args{.x = x.value,
                                    .score = score.value,
                                    .row_ptr = row_ptr,
                                    .weight = tape.make_value(DType::f32, {nodes, 1}),
                                    .y = y.value};
    AttentionReadoutGradArgs const grad{.x = x.value,
                                        .weight = args.weight,
                                        .row_ptr = row_ptr,
                                        .dy = y.grad,
                                        .dx = x.grad,
                                        .dscore = score.grad};
    Context* const ctx = &tape.ctx();
    tape.record(
        "attention_readout", [=] { attention_readout_forward(*ctx, args); },
        [=] { attention_readout_backward(*ctx, grad); });
    return y;
}
}  // namespace calofuse::layers
