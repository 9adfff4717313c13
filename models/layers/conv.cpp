#include "models/layers/conv.hpp"

#include "kernels/conv/conv2d.hpp"
#include "kernels/conv/depthwise_conv2d.hpp"
#include "kernels/dense/concat.hpp"

namespace calofuse::layers {
namespace {
WindowAxis axis_on(std::int64_t cells, std::int64_t kernel, std::int64_t stride, Padding padding)
{
    return padding == Padding::same ? same_axis_keras(kernel, stride, cells)
                                    : valid_axis(kernel, stride);
}

/// What a window makes of x, with this number of channels.
Var make_output(Tape& tape, Var x, Window2d const& window, std::int64_t channels)
{
    auto const& shape = x.value.shape;
    return tape.make({shape[0], window.h.outputs(shape[1]), window.w.outputs(shape[2]), channels});
}

Var kernel_of(Tape& tape, ParameterGroup kernel, std::array<std::int64_t, 4> const& extents)
{
    return tape.parameters().var(kernel).reshaped({extents[0], extents[1], extents[2], extents[3]});
}
}  // namespace

Window2d window_on(Var x, std::int64_t kernel, std::int64_t stride, Padding padding)
{
    return {axis_on(x.value.shape[1], kernel, stride, padding),
            axis_on(x.value.shape[2], kernel, stride, padding)};
}

Conv2d::Conv2d(Parameters& parameters,
               std::string const& name,
               std::int64_t in,
               std::int64_t out,
               ConvShape shape)
    : kernel(parameters.add(
        {name + ".kernel", {shape.kernel, shape.kernel, in, out}, Init::glorot_uniform}))
    , bias(parameters.add({name + ".bias", {out}, Init::zeros}))
    , extents{shape.kernel, shape.kernel, in, out}
    , stride(shape.stride)
    , padding(shape.padding)
{}

Var Conv2d::operator()(Tape& tape, Var x) const
{
    Window2d const window = window_on(x, extents[0], stride, padding);
    Var const y = make_output(tape, x, window, extents[3]);
    Var const w = kernel_of(tape, kernel, extents), b = tape.parameters().var(bias);
    record(tape, "conv2d", conv2d_forward,
           {.x = x.value, .w = w.value, .bias = b.value, .window = window, .y = y.value},
           conv2d_backward,
           {.x = x.value,
            .w = w.value,
            .dy = y.grad,
            .window = window,
            .dx = x.grad,
            .dw = w.grad,
            .dbias = b.grad});
    return y;
}

DepthwiseConv2d::DepthwiseConv2d(Parameters& parameters,
                                 std::string const& name,
                                 std::int64_t in,
                                 std::int64_t multiplier,
                                 ConvShape shape)
    : kernel(parameters.add(
        {name + ".kernel", {shape.kernel, shape.kernel, in, multiplier}, Init::glorot_uniform}))
    , bias(parameters.add({name + ".bias", {in * multiplier}, Init::zeros}))
    , extents{shape.kernel, shape.kernel, in, multiplier}
    , stride(shape.stride)
    , padding(shape.padding)
{}

Var DepthwiseConv2d::operator()(Tape& tape, Var x) const
{
    Window2d const window = window_on(x, extents[0], stride, padding);
    Var const y = make_output(tape, x, window, extents[2] * extents[3]);
    Var const w = kernel_of(tape, kernel, extents), b = tape.parameters().var(bias);
    record(tape, "depthwise_conv2d", depthwise_conv2d_forward,
           {.x = x.value, .w = w.value, .bias = b.value, .window = window, .y = y.value},
           depthwise_conv2d_backward,
           {.x = x.value,
            .w = w.value,
            .dy = y.grad,
            .window = window,
            .dx = x.grad,
            .dw = w.grad,
            .dbias = b.grad});
    return y;
}

Var pool2d(Tape& tape, Var x, Window2d const& window, PoolKind kind)
{
    Var const y = make_output(tape, x, window, x.value.shape[3]);
    record(tape, "pool2d", pool2d_forward,
           {.x = x.value, .window = window, .kind = kind, .y = y.value}, pool2d_backward,
           {.x = x.value, .dy = y.grad, .window = window, .kind = kind, .dx = x.grad});
    return y;
}

Var global_pool2d(Tape& tape, Var x, PoolKind kind)
{
    auto const& shape = x.value.shape;
    Window2d const all{valid_axis(shape[1], 1), valid_axis(shape[2], 1)};
    return pool2d(tape, x, all, kind).reshaped({shape[0], shape[3]});
}

Var concat(Tape& tape, Var x, Var y)
{
    Var const z = tape.make({x.value.shape[0], x.value.shape[1] + y.value.shape[1]});
    record(tape, "concat", concat_forward, {.a = x.value, .b = y.value, .y = z.value},
           concat_backward, {.dy = z.grad, .da = x.grad, .db = y.grad});
    return z;
}

Var pixel_rows(Var x)
{
    auto const& shape = x.value.shape;
    return x.reshaped({shape[0] * shape[1] * shape[2], shape[3]});
}

Var event_rows(Var x)
{
    auto const& shape = x.value.shape;
    return x.reshaped({shape[0], shape[1] * shape[2] * shape[3]});
}
}  // namespace calofuse::layers
