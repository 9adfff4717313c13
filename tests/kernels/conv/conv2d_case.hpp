/// \file tests/kernels/conv/conv2d_case.hpp
/// Shapes, random data and one run of conv2d, for the tests of all its implementations.
#pragma once

#include <vector>

#include "kernels/conv/conv2d.hpp"
#include "tests/support/backend_test.hpp"

namespace calofuse::test {
struct Case {
    char const* name;
    std::int64_t events, height, width, inputs, outputs;
    Window2d window;
};
inline void PrintTo(Case const& c, std::ostream* os)
{
    *os << c.name;
}

inline std::size_t size_of_x(Case const& c)
{
    return static_cast<std::size_t>(c.events * c.height * c.width * c.inputs);
}
inline std::size_t size_of_w(Case const& c)
{
    return static_cast<std::size_t>(c.window.h.kernel * c.window.w.kernel * c.inputs * c.outputs);
}
inline std::size_t size_of_y(Case const& c)
{
    return static_cast<std::size_t>(c.events * c.window.h.outputs(c.height)
                                    * c.window.w.outputs(c.width) * c.outputs);
}

struct Problem {
    std::vector<float> x, w, bias, dy;
    explicit Problem(Case const& c)
        : x(random_values(size_of_x(c), 1))
        , w(random_values(size_of_w(c), 2))
        , bias(random_values(static_cast<std::size_t>(c.outputs), 3))
        , dy(random_values(size_of_y(c), 4))
    {}
};

struct Implementation {
    void (*forward)(Context&, Conv2dArgs const&) = conv2d_forward;
    void (*backward)(Context&, Conv2dGradArgs const&) = conv2d_backward;
};
struct Results {
    std::vector<float> y, dx, dw, dbias;
};
inline Results run(Context& ctx,
                   Case const& c,
                   Problem const& p,
                   float start = 0,
                   Implementation const& conv2d = {})
{
    WindowAxis const &h = c.window.h, &v = c.window.w;
    std::vector<std::int64_t> const xs{c.events, c.height, c.width, c.inputs};
    std::vector<std::int64_t> const ws{h.kernel, v.kernel, c.inputs, c.outputs};
    std::vector<std::int64_t> const ys{c.events, h.outputs(c.height), v.outputs(c.width),
                                       c.outputs};
    OnDevice<float> x(ctx, p.x, xs), w(ctx, p.w, ws), bias(ctx, p.bias, {c.outputs});
    OnDevice<float> dy(ctx, p.dy, ys), y(ctx, std::vector<float>(p.dy.size()), ys);
    OnDevice<float> dx(ctx, std::vector<float>(p.x.size(), start), xs);
    OnDevice<float> dw(ctx, std::vector<float>(p.w.size(), start), ws);
    OnDevice<float> dbias(ctx, std::vector<float>(p.bias.size(), start), {c.outputs});
    conv2d.forward(
        ctx, {.x = x.ref(), .w = w.ref(), .bias = bias.ref(), .window = c.window, .y = y.ref()});
    conv2d.backward(ctx, {.x = x.ref(),
                          .w = w.ref(),
                          .dy = dy.ref(),
                          .window = c.window,
                          .dx = dx.ref(),
                          .dw = dw.ref(),
                          .dbias = dbias.ref()});
    return {y.fetch(), dx.fetch(), dw.fetch(), dbias.fetch()};
}

/// Every kind of window, few channels.
inline std::vector<Case> small_windows()
{
    return {
        Case{"no_events", 0, 3, 3, 2, 2, {same_axis_keras(3, 1, 3), same_axis_keras(3, 1, 3)}},
        Case{"one_cell", 2, 1, 1, 2, 3, {same_axis_keras(3, 1, 1), same_axis_keras(3, 1, 1)}},
        Case{"whole_image", 2, 4, 3, 2, 3, {valid_axis(4, 1), valid_axis(3, 1)}},
        Case{"even_same", 1, 5, 4, 2, 3, {same_axis_keras(4, 1, 5), same_axis_keras(2, 1, 4)}},
        Case{"strided_same", 2, 5, 6, 1, 2, {same_axis_keras(3, 2, 5), same_axis_keras(3, 2, 6)}},
        Case{"strided_padded", 2, 6, 5, 3, 2, {padded_axis(3, 3, 2), padded_axis(2, 2, 1)}},
        Case{"stride_skips", 1, 7, 7, 2, 2, {valid_axis(1, 3), valid_axis(2, 3)}}};
}

/// Numbers of outputs around the sizes of tiles.
inline std::vector<Case> wide_cases()
{
    return {
        Case{"outputs_63", 2, 3, 4, 5, 63, {same_axis_keras(3, 1, 3), same_axis_keras(3, 1, 4)}},
        Case{"outputs_64", 2, 3, 4, 64, 64, {same_axis_keras(3, 1, 3), same_axis_keras(3, 1, 4)}},
        Case{"outputs_65", 2, 3, 4, 9, 65, {same_axis_torch(3), same_axis_torch(3)}},
        Case{"outputs_130", 1, 2, 2, 3, 130, {padded_axis(2, 1, 1), padded_axis(2, 1, 1)}}};
}
}  // namespace calofuse::test
