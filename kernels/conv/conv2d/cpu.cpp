#include <algorithm>

#include "kernels/conv/conv2d.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kLanes = 64;         // output channels of one accumulator row
constexpr std::int64_t kRowsOfInput = 8;    // input channels of one weight-gradient item
constexpr std::int64_t kEventsAtOnce = 16;  // whose terms are summed before they join the total

/// sum[o] += sum over i of in[i] * weight[i * pitch + o], o < lanes. kFull: lanes is the
/// constant kLanes, so that the sums stay in registers.
template <bool kFull>
void add_product(float const* in,
                 std::int64_t inputs,
                 float const* weight,
                 std::int64_t pitch,
                 std::int64_t lanes,
                 float* sum)
{
    std::int64_t const width = kFull ? kLanes : lanes;
    float local[kLanes];
    for (std::int64_t o = 0; o < width; ++o)
        local[o] = sum[o];
    for (std::int64_t i = 0; i < inputs; ++i, weight += pitch) {
        float const factor = in[i];
#pragma omp simd
        for (std::int64_t o = 0; o < width; ++o)
            local[o] += factor * weight[o];
    }
    for (std::int64_t o = 0; o < width; ++o)
        sum[o] = local[o];
}

void add_product(
    float const* in, std::int64_t inputs, float const* weight, std::int64_t outputs, float* sum)
{
    for (std::int64_t first = 0; first < outputs; first += kLanes) {
        std::int64_t const lanes = std::min(kLanes, outputs - first);
        if (lanes == kLanes)
            add_product<true>(in, inputs, weight + first, outputs, lanes, sum + first);
        else
            add_product<false>(in, inputs, weight + first, outputs, lanes, sum + first);
    }
}

/// y of output cell (b, p, q).
void forward_cell(Conv2dArgs const& args,
                  View<float const, 4> x,
                  View<float const, 4> w,
                  std::int64_t const (&cell)[3],
                  float* out)
{
    WindowAxis const& h = args.window.h;
    WindowAxis const& v = args.window.w;
    auto const [b, p, q] = cell;
    std::int64_t const inputs = x.shape[3], outputs = w.shape[3];
    if (args.bias.empty())
        std::fill_n(out, outputs, 0.0F);
    else
        std::copy_n(args.bias.view<float const, 1>().data, outputs, out);
    for (std::int64_t k = h.first(p); k < h.last(p, x.shape[1]); ++k)
        for (std::int64_t l = v.first(q); l < v.last(q, x.shape[2]); ++l)
            add_product(&x(b, p * h.stride - h.before + k, q * v.stride - v.before + l, 0), inputs,
                        &w(k, l, 0, 0), outputs, out);
}

/// dx(b) of one event: every output cell hands its gradient back through the transposed weights
/// wt (kh, kw, O, I).
void input_gradient(Conv2dGradArgs const& args,
                    View<float const, 4> dy,
                    View<float, 4> dx,
                    float const* wt,
                    std::int64_t b)
{
    WindowAxis const& h = args.window.h;
    WindowAxis const& v = args.window.w;
    std::int64_t const inputs = dx.shape[3], outputs = dy.shape[3];
    for (std::int64_t p = 0; p < dy.shape[1]; ++p)
        for (std::int64_t q = 0; q < dy.shape[2]; ++q)
            for (std::int64_t k = h.first(p); k < h.last(p, dx.shape[1]); ++k)
                for (std::int64_t l = v.first(q); l < v.last(q, dx.shape[2]); ++l)
                    add_product(
                        &dy(b, p, q, 0), outputs, wt + (k * v.kernel + l) * outputs * inputs,
                        inputs,
                        &dx(b, p * h.stride - h.before + k, q * v.stride - v.before + l, 0));
}

/// sum[i][o] += x[i] dy[o] over the events [begin, end) at kernel position (k, l).
void tap_gradient(Conv2dGradArgs const& args,
                  View<float const, 4> x,
                  View<float const, 4> dy,
                  std::int64_t const (&tap)[2],
                  std::int64_t const (&range)[4],  // events, input channels
                  float* sum)
{
    WindowAxis const& h = args.window.h;
    WindowAxis const& v = args.window.w;
    auto const [k, l] = tap;
    std::int64_t const outputs = dy.shape[3];
    for (std::int64_t b = range[0]; b < range[1]; ++b)
        for (std::int64_t p = 0; p < dy.shape[1]; ++p)
            for (std::int64_t q = 0; q < dy.shape[2]; ++q) {
                if (k < h.first(p) || k >= h.last(p, x.shape[1])) continue;
                if (l < v.first(q) || l >= v.last(q, x.shape[2])) continue;
                float const* const in =
                    &x(b, p * h.stride - h.before + k, q * v.stride - v.before + l, 0);
                float const* const g = &dy(b, p, q, 0);
                for (std::int64_t i = range[2]; i < range[3]; ++i) {
                    float const factor = in[i];
                    float* const row = sum + (i - range[2]) * outputs;
#pragma omp simd
                    for (std::int64_t o = 0; o < outputs; ++o)
                        row[o] += factor * g[o];
                }
            }
}

/// Work items are (kernel position, few input channels): each owns its part of dw.
void weight_gradient(Context& ctx, Conv2dGradArgs const& args)
{
    auto const x = args.x.view<float const, 4>(), dy = args.dy.view<float const, 4>();
    auto const dw = args.dw.view<float, 4>();
    std::int64_t const inputs = x.shape[3], outputs = dy.shape[3], events = x.shape[0];
    std::int64_t const groups = (inputs + kRowsOfInput - 1) / kRowsOfInput;
    std::int64_t const items = dw.shape[0] * dw.shape[1] * groups;
    auto const scratch = ctx.scratch<float>(items * kRowsOfInput * outputs);
    parallel_for(ctx, items, [&](std::int64_t item) {
        float* const sum = scratch.data() + item * kRowsOfInput * outputs;
        std::int64_t const position = item / groups, begin = item % groups * kRowsOfInput;
        std::int64_t const end = std::min(begin + kRowsOfInput, inputs);
        std::int64_t const k = position / dw.shape[1], l = position % dw.shape[1];
        float* const out = &dw(k, l, begin, 0);
        for (std::int64_t b = 0; b < events; b += kEventsAtOnce) {
            std::fill_n(sum, (end - begin) * outputs, 0.0F);
            tap_gradient(args, x, dy, {k, l}, {b, std::min(b + kEventsAtOnce, events), begin, end},
                         sum);
            for (std::int64_t j = 0; j < (end - begin) * outputs; ++j)
                out[j] += sum[j];
        }
    });
}

/// (kh, kw, I, O) -> (kh, kw, O, I)
void transpose(View<float const, 4> w, float* wt)
{
    std::int64_t const taps = w.shape[0] * w.shape[1], inputs = w.shape[2], outputs = w.shape[3];
    for (std::int64_t t = 0; t < taps; ++t)
        for (std::int64_t i = 0; i < inputs; ++i)
            for (std::int64_t o = 0; o < outputs; ++o)
                wt[(t * outputs + o) * inputs + i] = w.data[(t * inputs + i) * outputs + o];
}

void bias_gradient(Context& ctx, Conv2dGradArgs const& args)
{
    auto const dy = args.dy.view<float const, 4>();
    auto const dbias = args.dbias.view<float, 1>();
    std::int64_t const outputs = dy.shape[3], cells = dy.shape[0] * dy.shape[1] * dy.shape[2];
    auto const scratch = ctx.scratch<double>(outputs);
    double* const sum = scratch.data();
    std::fill_n(sum, outputs, 0.0);
    for (std::int64_t n = 0; n < cells; ++n)
#pragma omp simd
        for (std::int64_t o = 0; o < outputs; ++o)
            sum[o] += static_cast<double>(dy.data[n * outputs + o]);
    for (std::int64_t o = 0; o < outputs; ++o)
        dbias[o] += static_cast<float>(sum[o]);
}
}  // namespace

void conv2d_forward(Context& ctx, Conv2dArgs const& args)
{
    auto const x = args.x.view<float const, 4>(), w = args.w.view<float const, 4>();
    auto const y = args.y.view<float, 4>();
    parallel_for(ctx, y.shape[0] * y.shape[1], [&](std::int64_t item) {
        std::int64_t const b = item / y.shape[1], p = item % y.shape[1];
        for (std::int64_t q = 0; q < y.shape[2]; ++q)
            forward_cell(args, x, w, {b, p, q}, &y(b, p, q, 0));
    });
}

void conv2d_backward(Context& ctx, Conv2dGradArgs const& args)
{
    if (!args.dx.empty()) {
        auto const w = args.w.view<float const, 4>(), dy = args.dy.view<float const, 4>();
        auto const dx = args.dx.view<float, 4>();
        auto const wt = ctx.scratch<float>(w.size());
        transpose(w, wt.data());
        parallel_for(ctx, dx.shape[0],
                     [&](std::int64_t b) { input_gradient(args, dy, dx, wt.data(), b); });
    }
    if (!args.dw.empty()) weight_gradient(ctx, args);
    if (!args.dbias.empty()) bias_gradient(ctx, args);
}
}  // namespace calofuse::cpu
