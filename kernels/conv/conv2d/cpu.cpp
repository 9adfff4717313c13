#include <algorithm>

#include "kernels/conv/conv2d.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kLanes = 64;         // output channels of one accumulator row
constexpr std::int64_t kTile = 32;          // output channels of a tile: sums of two cells stay in
                                            // registers, each vector of weights serves both
constexpr std::int64_t kInputsOfItem = 32;  // input channels of one weight-gradient item
constexpr std::int64_t kMostRuns = 16;      // of events, and the sums that all of them may have
constexpr std::int64_t kMostPartials = 1 << 20;

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

/// One row of output cells: what a tile of them takes from the image and the weights.
struct Row {
    WindowAxis h, v;
    float const* x;  ///< of the event
    float const* w;
    float const* bias;  ///< null: 0
    std::int64_t height, width, inputs, outputs, p;

    /// y (kCells, kTile) of cells q .., channels first .. < first + lanes. The inputs of a cell under one
    /// row of the kernel lie side by side, and so do their weights: one sum over columns and channels.
    /// kFull: lanes is kTile, so that the sums stay in registers.
    template <int kCells, bool kFull>
    void tile(std::int64_t q, std::int64_t first, std::int64_t lanes, float* y) const
    {
        std::int64_t const count = kFull ? kTile : lanes;
        float sum[kCells][kTile];
        for (int c = 0; c < kCells; ++c)
            for (std::int64_t o = 0; o < count; ++o)
                sum[c][o] = bias == nullptr ? 0.0F : bias[first + o];
        std::int64_t const from = v.first(q), step = v.stride * inputs;
        std::int64_t const terms = (v.last(q, width) - from) * inputs;
        for (std::int64_t k = h.first(p); k < h.last(p, height); ++k) {
            std::int64_t const row = p * h.stride - h.before + k;
            float const* const in = x + (row * width + q * v.stride - v.before + from) * inputs;
            float const* weight = w + (k * v.kernel + from) * inputs * outputs + first;
            for (std::int64_t i = 0; i < terms; ++i, weight += outputs)
                for (int c = 0; c < kCells; ++c) {
                    float const factor = in[c * step + i];
#pragma omp simd
                    for (std::int64_t o = 0; o < count; ++o)
                        sum[c][o] += factor * weight[o];
                }
        }
        for (int c = 0; c < kCells; ++c)
            std::copy_n(sum[c], count, y + c * outputs + first);
    }
    /// Whether the windows of cell q and of the next reach over no border.
    bool inside(std::int64_t q) const
    {
        return v.first(q) == 0 && v.last(q + 1, width) == v.kernel;
    }
    template <bool kFull>
    void channels(std::int64_t cols, std::int64_t first, std::int64_t lanes, float* y) const
    {
        for (std::int64_t q = 0; q < cols;) {
            if (q + 1 < cols && inside(q)) {
                tile<2, kFull>(q, first, lanes, y + q * outputs);
                q += 2;
            } else {
                tile<1, kFull>(q, first, lanes, y + q * outputs);
                ++q;
            }
        }
    }
};

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

/// A share of the weight gradient: of row k of the kernel and a run of input channels, over a run of events.
struct Share {
    View<float const, 4> x, dy;
    WindowAxis h, v;
    std::int64_t k, first_input, last_input;

    /// sum[i][o] += x[i] dy[o] along row (b, p) at column l of the kernel, for kInputs channels from i
    /// on and the outputs first .. < first + lanes.
    template <int kInputs, bool kFull>
    void tile(std::int64_t const (&place)[3],  // event, row, column of the kernel
              std::int64_t i,
              std::int64_t first,
              std::int64_t lanes,
              float* sum) const
    {
        auto const [b, p, l] = place;
        std::int64_t const count = kFull ? kTile : lanes, outputs = dy.shape[3];
        float local[kInputs][kTile] = {};
        for (std::int64_t q = 0; q < dy.shape[2]; ++q) {
            if (l < v.first(q) || l >= v.last(q, x.shape[2])) continue;
            float const* const in =
                &x(b, p * h.stride - h.before + k, q * v.stride - v.before + l, i);
            float const* const g = &dy(b, p, q, first);
            for (int n = 0; n < kInputs; ++n) {
                float const factor = in[n];
#pragma omp simd
                for (std::int64_t o = 0; o < count; ++o)
                    local[n][o] += factor * g[o];
            }
        }
        for (int n = 0; n < kInputs; ++n)
            for (std::int64_t o = 0; o < count; ++o)
                sum[n * outputs + first + o] += local[n][o];
    }
    template <int kInputs>
    void outputs_of(std::int64_t const (&place)[3], std::int64_t i, float* sum) const
    {
        std::int64_t const outputs = dy.shape[3], full = outputs / kTile * kTile;
        for (std::int64_t first = 0; first < full; first += kTile)
            tile<kInputs, true>(place, i, first, kTile, sum);
        if (full < outputs) tile<kInputs, false>(place, i, full, outputs - full, sum);
    }
    /// sum (kw, channels of the run, O) += the terms of row (b, p)
    void add_row(std::int64_t b, std::int64_t p, float* sum) const
    {
        if (k < h.first(p) || k >= h.last(p, x.shape[1])) return;
        std::int64_t const outputs = dy.shape[3];
        for (std::int64_t l = 0; l < v.kernel; ++l) {
            std::int64_t i = first_input;
            for (; i + 3 <= last_input; i += 3, sum += 3 * outputs)
                outputs_of<3>({b, p, l}, i, sum);
            for (; i < last_input; ++i, sum += outputs)
                outputs_of<1>({b, p, l}, i, sum);
        }
    }
};

/// Work items are (run of events, row of the kernel, run of input channels). The sums of the runs of
/// events are added in their order; how many there are follows from the shapes.
void weight_gradient(Context& ctx, Conv2dGradArgs const& args)
{
    auto const x = args.x.view<float const, 4>(), dy = args.dy.view<float const, 4>();
    auto const dw = args.dw.view<float, 4>();
    std::int64_t const kh = dw.shape[0], kw = dw.shape[1], events = x.shape[0];
    std::int64_t const inputs = x.shape[3], outputs = dy.shape[3];
    std::int64_t const groups = (inputs + kInputsOfItem - 1) / kInputsOfItem;
    std::int64_t const most = std::clamp<std::int64_t>(
        kMostPartials / std::max<std::int64_t>(dw.size(), 1), 1, kMostRuns);
    std::int64_t const run = std::max<std::int64_t>(1, (events + most - 1) / most);
    std::int64_t const runs = (events + run - 1) / run;
    std::int64_t const size = kw * std::min(inputs, kInputsOfItem) * outputs;  // of an item
    auto const scratch = ctx.scratch<float>(runs * kh * groups * size);
    parallel_for(ctx, runs * kh * groups, [&](std::int64_t item) {
        std::int64_t const group = item % groups, k = item / groups % kh;
        std::int64_t const begin = item / (groups * kh) * run;
        std::int64_t const first = group * kInputsOfItem;
        Share const share{
            x, dy, args.window.h, args.window.w, k, first, std::min(first + kInputsOfItem, inputs)};
        float* const sum = scratch.data() + item * size;
        std::fill_n(sum, size, 0.0F);
        for (std::int64_t b = begin; b < std::min(begin + run, events); ++b)
            for (std::int64_t p = 0; p < dy.shape[1]; ++p)
                share.add_row(b, p, sum);
    });
    parallel_for(ctx, kh * groups, [&](std::int64_t part) {
        std::int64_t const k = part / groups, first = part % groups * kInputsOfItem;
        std::int64_t const count = std::min(kInputsOfItem, inputs - first) * outputs;
        for (std::int64_t l = 0; l < kw; ++l)
            for (std::int64_t j = 0; j < count; ++j) {
                double sum = 0;
                for (std::int64_t r = 0; r < runs; ++r)
                    sum += static_cast<double>(
                        scratch.data()[(r * kh * groups + part) * size + l * count + j]);
                (&dw(k, l, first, 0))[j] += static_cast<float>(sum);
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
    float const* const bias = args.bias.empty() ? nullptr : args.bias.flat<float const>().data;
    std::int64_t const outputs = y.shape[3], full = outputs / kTile * kTile;
    parallel_for(ctx, y.shape[0] * y.shape[1], [&](std::int64_t item) {
        std::int64_t const b = item / y.shape[1], p = item % y.shape[1];
        Row const row{args.window.h, args.window.w, &x(b, 0, 0, 0), w.data,  bias,
                      x.shape[1],    x.shape[2],    x.shape[3],     outputs, p};
        for (std::int64_t first = 0; first < full; first += kTile)
            row.channels<true>(y.shape[2], first, kTile, &y(b, p, 0, 0));
        if (full < outputs) row.channels<false>(y.shape[2], full, outputs - full, &y(b, p, 0, 0));
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
