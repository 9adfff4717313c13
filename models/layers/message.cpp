#include "models/layers/message.hpp"

#include "kernels/graph/gcn.hpp"

namespace calofuse::layers {
namespace {
constexpr Init kInit = Init::glorot_uniform;  // as PyTorch Geometric's, with biases at 0
}

GcnLayer::GcnLayer(Parameters& parameters,
                   std::string const& name,
                   std::int64_t in,
                   std::int64_t out)
    : lin(parameters, name + ".lin", in, out, kInit, Bias::none)
    , bias(parameters.add({name + ".bias", {out}, Init::zeros}))
{}

Var GcnLayer::operator()(Tape& tape, PointCloud const& cloud) const
{
    Var const u = lin(tape, cloud.x, cloud.row_ptr);
    Var const b = tape.var(bias);
    Var const y = tape.make_ragged(cloud.row_ptr, cloud.points(), out());
    record(tape, "gcn", gcn_forward,
           {.u = u.value,
            .row_ptr = cloud.row_ptr,
            .edge_ptr = cloud.edge_ptr,
            .source = cloud.source,
            .bias = b.value,
            .y = y.value},
           gcn_backward,
           {.row_ptr = cloud.row_ptr,
            .edge_ptr = cloud.edge_ptr,
            .source = cloud.source,
            .dy = y.grad,
            .du = u.grad,
            .dbias = b.grad});
    return y;
}

EdgeConvLayer::EdgeConvLayer(Parameters& parameters,
                             std::string const& name,
                             std::int64_t in,
                             EdgeConvOptions options_)
    : options(options_)
    , lin_target(parameters, name + ".lin_target", in, options.out, kInit)
    , lin_neighbour(parameters, name + ".lin_neighbour", in, options.out, kInit, Bias::none)
    , lin_out(parameters, name + ".lin_out", options.out, options.out, kInit)
{}

Var EdgeConvLayer::operator()(Tape& tape, PointCloud const& given) const
{
    PointCloud const cloud =
        options.dynamic ? with_edges(
            tape, given, nearest(tape, given.row_ptr, given.x.value, options.neighbours, true))
                        : given;
    Var const target = lin_target(tape, cloud.x, cloud.row_ptr);
    Var const neighbour = lin_neighbour(tape, cloud.x, cloud.row_ptr);
    Var const w = tape.var(lin_out.kernel).reshaped({options.out, options.out});
    Var const b = tape.var(lin_out.bias);
    Var const y = tape.make_ragged(cloud.row_ptr, cloud.points(), options.out);
    TensorRef winner;
    if (options.aggregate == EdgeAggregate::max)
        winner = tape.make_value(DType::i32, {cloud.points(), options.out});
    record(tape, "edge_conv", edge_conv_forward,
           {.target = target.value,
            .neighbour = neighbour.value,
            .row_ptr = cloud.row_ptr,
            .edge_ptr = cloud.edge_ptr,
            .source = cloud.source,
            .w = w.value,
            .bias = b.value,
            .aggregate = options.aggregate,
            .y = y.value,
            .winner = winner},
           edge_conv_backward,
           {.target = target.value,
            .neighbour = neighbour.value,
            .row_ptr = cloud.row_ptr,
            .edge_ptr = cloud.edge_ptr,
            .source = cloud.source,
            .w = w.value,
            .aggregate = options.aggregate,
            .winner = winner,
            .dy = y.grad,
            .dtarget = target.grad,
            .dneighbour = neighbour.grad,
            .dw = w.grad,
            .dbias = b.grad});
    return y;
}

GravNetLayer::GravNetLayer(Parameters& parameters,
                           std::string const& name,
                           std::int64_t in,
                           GravNetOptions options_)
    : options(options_)
    , lin_space(parameters, name + ".lin_s", in, options.space, kInit)
    , lin_feature(parameters, name + ".lin_h", in, options.propagate, kInit)
    , lin_out(parameters, name + ".lin_out", 2 * options.propagate, options.out, kInit)
{}

Var GravNetLayer::operator()(Tape& tape, PointCloud const& cloud) const
{
    Var const s = lin_space(tape, cloud.x, cloud.row_ptr);
    Var const h = lin_feature(tape, cloud.x, cloud.row_ptr);
    // A variant that counts the point itself counts it among the k.
    std::int64_t const others =
        options.neighbours - (gravnet_rule(options.variant).with_self ? 1 : 0);
    TensorRef const neighbour = nearest(tape, cloud.row_ptr, s.value, others, false);
    Var const y = tape.make_ragged(cloud.row_ptr, cloud.points(), 2 * options.propagate);
    TensorRef const winner = tape.make_value(DType::i32, {cloud.points(), options.propagate});
    record(tape, "gravnet", gravnet_forward,
           {.s = s.value,
            .h = h.value,
            .row_ptr = cloud.row_ptr,
            .neighbour = neighbour,
            .variant = options.variant,
            .y = y.value,
            .winner = winner},
           gravnet_backward,
           {.s = s.value,
            .h = h.value,
            .row_ptr = cloud.row_ptr,
            .neighbour = neighbour,
            .variant = options.variant,
            .winner = winner,
            .dy = y.grad,
            .ds = s.grad,
            .dh = h.grad});
    // The part that sees the point's own features is the shortcut of the block around.
    return lin_out(tape, y, cloud.row_ptr);
}
}  // namespace calofuse::layers
