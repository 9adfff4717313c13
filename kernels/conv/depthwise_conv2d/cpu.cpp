// An output takes 2 kh kw FLOP from data that its neighbours read too: bound by memory as soon as
// channels fill vectors, which is why plain loops over channels are enough.
#include <algorithm>

#include "kernels/conv/depthwise_conv2d.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kLanes = 32;      // output channels whose sums stay in registers
constexpr std::int64_t kMostItems = 64;  // of the weight gradient: its partial sums stay small

/// Which input cells the windows of an operator's call read, and where their weights are.
struct Windows {
    WindowAxis h, v;
    std::int64_t events, height, width, inputs;  ///< of x
    std::int64_t rows, cols, outputs;            ///< of y
    std::int64_t multiplier;

    Windows(TensorRef const& x, TensorRef const& w, TensorRef const& y, Window2d const& window)
        : h(window.h)
        , v(window.w)
        , events(x.shape[0])
        , height(x.shape[1])
        , width(x.shape[2])
        , inputs(x.shape[3])
        , rows(y.shape[1])
        , cols(y.shape[2])
        , outputs(y.shape[3])
        , multiplier(w.shape[3])
    {}
    std::int64_t taps() const { return h.kernel * v.kernel; }
    /// First channel of the input cell under tap (k, l) of window (p, q) of event b.
    std::int64_t input(
        std::int64_t b, std::int64_t p, std::int64_t q, std::int64_t k, std::int64_t l) const
    {
        return ((b * height + p * h.stride - h.before + k) * width + q * v.stride - v.before + l)
               * inputs;
    }
    std::int64_t output(std::int64_t b, std::int64_t p, std::int64_t q) const
    {
        return ((b * rows + p) * cols + q) * outputs;
    }
};

/// f.operator()<kFull>(first, lanes) over blocks of output channels. kFull: kLanes channels, each with
/// the input channel of its own number.
template <class F>
void for_each_block(Windows const& g, F f)
{
    std::int64_t const full = g.multiplier == 1 ? g.outputs / kLanes * kLanes : 0;
    for (std::int64_t first = 0; first < full; first += kLanes)
        f.template operator()<true>(first, kLanes);
    for (std::int64_t first = full; first < g.outputs; first += kLanes)
        f.template operator()<false>(first, std::min(kLanes, g.outputs - first));
}

/// The input channel under output channel o. kFull: they are the same.
template <bool kFull>
std::int64_t input_of(Windows const& g, std::int64_t o)
{
    if constexpr (kFull) return o;
    return g.multiplier == 1 ? o : o / g.multiplier;
}

/// Channels [first, first + lanes) of y of row (b, p).
template <bool kFull>
void forward_row(Windows const& g,
                 float const* x,
                 float const* w,
                 float const* bias,
                 std::int64_t const (&cell)[2],  // event, row
                 std::int64_t first,
                 std::int64_t lanes,
                 float* y)
{
    auto const [b, p] = cell;
    std::int64_t const width = kFull ? kLanes : lanes;
    for (std::int64_t q = 0; q < g.cols; ++q) {
        float sum[kLanes];
        for (std::int64_t o = 0; o < width; ++o)
            sum[o] = bias == nullptr ? 0.0F : bias[first + o];
        for (std::int64_t k = g.h.first(p); k < g.h.last(p, g.height); ++k)
            for (std::int64_t l = g.v.first(q); l < g.v.last(q, g.width); ++l) {
                float const* const in = x + g.input(b, p, q, k, l);
                float const* const weight = w + (k * g.v.kernel + l) * g.outputs + first;
#pragma omp simd
                for (std::int64_t o = 0; o < width; ++o)
                    sum[o] += in[input_of<kFull>(g, first + o)] * weight[o];
            }
        std::copy_n(sum, width, y + g.output(b, p, q) + first);
    }
}

/// Every window of event b hands its gradient back to the input cells it has read.
template <bool kFull>
void input_gradient(Windows const& g,
                    float const* dy,
                    float const* w,
                    std::int64_t b,
                    std::int64_t first,
                    std::int64_t lanes,
                    float* dx)
{
    std::int64_t const width = kFull ? kLanes : lanes;
    for (std::int64_t p = 0; p < g.rows; ++p)
        for (std::int64_t q = 0; q < g.cols; ++q) {
            float const* const grad = dy + g.output(b, p, q) + first;
            for (std::int64_t k = g.h.first(p); k < g.h.last(p, g.height); ++k)
                for (std::int64_t l = g.v.first(q); l < g.v.last(q, g.width); ++l) {
                    float* const out = dx + g.input(b, p, q, k, l);
                    float const* const weight = w + (k * g.v.kernel + l) * g.outputs + first;
                    if constexpr (kFull) {
#pragma omp simd
                        for (std::int64_t o = 0; o < kLanes; ++o)
                            out[first + o] += grad[o] * weight[o];
                    } else {  // several outputs may share an input: no vectors
                        for (std::int64_t o = 0; o < width; ++o)
                            out[input_of<false>(g, first + o)] += grad[o] * weight[o];
                    }
                }
        }
}

/// sum[o] += the terms of tap (k, l) in row (b, p), added up in float along the row.
template <bool kFull>
void tap_of_row(Windows const& g,
                float const* x,
                float const* dy,
                std::int64_t const (&place)[4],  // event, row, tap
                std::int64_t first,
                std::int64_t lanes,
                double* sum)
{
    auto const [b, p, k, l] = place;
    std::int64_t const width = kFull ? kLanes : lanes;
    float row[kLanes] = {};
    for (std::int64_t q = 0; q < g.cols; ++q) {
        if (l < g.v.first(q) || l >= g.v.last(q, g.width)) continue;
        float const* const in = x + g.input(b, p, q, k, l);
        float const* const grad = dy + g.output(b, p, q) + first;
#pragma omp simd
        for (std::int64_t o = 0; o < width; ++o)
            row[o] += in[input_of<kFull>(g, first + o)] * grad[o];
    }
    for (std::int64_t o = 0; o < width; ++o)
        sum[first + o] += static_cast<double>(row[o]);
}

/// out[i] += partial[0][i] + partial[1][i] + .. in this order
void add_partials(double const* partial, std::int64_t count, std::int64_t size, float* out)
{
    for (std::int64_t i = 0; i < size; ++i) {
        double sum = 0;
        for (std::int64_t part = 0; part < count; ++part)
            sum += partial[part * size + i];
        out[i] += static_cast<float>(sum);
    }
}

/// Work items are runs of events, whose sums (taps, O) are added in their order.
void weight_gradient(Context& ctx, Windows const& g, DepthwiseConv2dGradArgs const& args)
{
    float const* const x = args.x.flat<float const>().data;
    float const* const dy = args.dy.flat<float const>().data;
    std::int64_t const run = std::max<std::int64_t>(1, (g.events + kMostItems - 1) / kMostItems);
    std::int64_t const items = (g.events + run - 1) / run, size = g.taps() * g.outputs;
    auto const partial = ctx.scratch<double>(items * size);
    parallel_for(ctx, items, [&](std::int64_t item) {
        double* const sum = partial.data() + item * size;
        std::fill_n(sum, size, 0.0);
        for (std::int64_t b = item * run; b < std::min((item + 1) * run, g.events); ++b)
            for (std::int64_t p = 0; p < g.rows; ++p)
                for (std::int64_t k = g.h.first(p); k < g.h.last(p, g.height); ++k)
                    for (std::int64_t l = 0; l < g.v.kernel; ++l)
                        for_each_block(g, [&]<bool kFull>(std::int64_t first, std::int64_t lanes) {
                            tap_of_row<kFull>(g, x, dy, {b, p, k, l}, first, lanes,
                                              sum + (k * g.v.kernel + l) * g.outputs);
                        });
    });
    add_partials(partial.data(), items, size, args.dw.flat<float>().data);
}

void bias_gradient(Context& ctx, Windows const& g, DepthwiseConv2dGradArgs const& args)
{
    float const* const dy = args.dy.flat<float const>().data;
    std::int64_t const cells = g.events * g.rows * g.cols;
    std::int64_t const run = std::max<std::int64_t>(1, (cells + kMostItems - 1) / kMostItems);
    std::int64_t const items = (cells + run - 1) / run;
    auto const partial = ctx.scratch<double>(items * g.outputs);
    parallel_for(ctx, items, [&](std::int64_t item) {
        double* const sum = partial.data() + item * g.outputs;
        std::fill_n(sum, g.outputs, 0.0);
        for (std::int64_t n = item * run; n < std::min((item + 1) * run, cells); ++n)
#pragma omp simd
            for (std::int64_t o = 0; o < g.outputs; ++o)
                sum[o] += static_cast<double>(dy[n * g.outputs + o]);
    });
    add_partials(partial.data(), items, g.outputs, args.dbias.flat<float>().data);
}
}  // namespace

void depthwise_conv2d_forward(Context& ctx, DepthwiseConv2dArgs const& args)
{
    Windows const g(args.x, args.w, args.y, args.window);
    float const* const x = args.x.flat<float const>().data;
    float const* const w = args.w.flat<float const>().data;
    float const* const bias = args.bias.empty() ? nullptr : args.bias.flat<float const>().data;
    float* const y = args.y.flat<float>().data;
    parallel_for(ctx, g.events * g.rows, [&](std::int64_t item) {
        for_each_block(g, [&]<bool kFull>(std::int64_t first, std::int64_t lanes) {
            forward_row<kFull>(g, x, w, bias, {item / g.rows, item % g.rows}, first, lanes, y);
        });
    });
}

void depthwise_conv2d_backward(Context& ctx, DepthwiseConv2dGradArgs const& args)
{
    Windows const g(args.x, args.w, args.dy, args.window);
    if (!args.dx.empty()) {
        float const* const dy = args.dy.flat<float const>().data;
        float const* const w = args.w.flat<float const>().data;
        float* const dx = args.dx.flat<float>().data;
        parallel_for(ctx, g.events, [&](std::int64_t b) {
            for_each_block(g, [&]<bool kFull>(std::int64_t first, std::int64_t lanes) {
                input_gradient<kFull>(g, dy, w, b, first, lanes, dx);
            });
        });
    }
    if (!args.dw.empty()) weight_gradient(ctx, g, args);
    if (!args.dbias.empty()) bias_gradient(ctx, g, args);
}
}  // namespace calofuse::cpu
