#include <cmath>

#include "kernels/focalh/module_cnn.hpp"
#include "kernels/focalh/module_cnn/tile.hpp"
#include "kernels/math/dropout_mask.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kEventsPerItem = 64;  // of the passes over pooled cells

/// Batch statistics of the first norm: mean = b + w . m, var = w^T cov w.
void first_statistics(Context& ctx, Plan const& plan, ModuleCnnArgs const& args, Workspace& work)
{
    auto const sums = ctx.scratch<double>(plan.items() * kNumMoments);
    ctx.fill_zero(sums.data(), static_cast<std::size_t>(sums.size()) * sizeof(double));
    parallel_for(ctx, plan.items(), [&](std::int64_t item) {
        work.each_tile(item, [&](ModuleTile const& tile, std::int64_t) {
            kernels().fill_columns(tile);
            kernels().add_moments(tile, sums.data() + item * kNumMoments);
        });
    });
    auto const w1 = args.weights.w1.view<float const, 3>();
    auto const b1 = args.weights.b1.view<float const, 2>();
    auto const mean1 = args.stats.mean1.view<float, 2>();
    auto const var1 = args.stats.var1.view<float, 2>();
    for (std::int64_t s = 0; s < plan.sets; ++s) {
        InputMoments const in = input_moments(plan, sums.data(), s);
        for (std::int64_t c = 0; c < plan.channels; ++c) {
            auto const [mean, var] =
                calofuse::first_statistics(in, &w1(s, 0, c), plan.channels, b1(s, c));
            mean1(s, c) = static_cast<float>(mean);
            var1(s, c) = static_cast<float>(var);
        }
    }
}

/// Both convolutions and the pooling; sums (items, 2, C') of z2 where batch statistics are wanted.
void convolve(Context& ctx,
              Plan const& plan,
              ModuleCnnArgs const& args,
              Workspace& work,
              float* pooled,
              double* sums)
{
    std::int64_t const w2_size = kTaps * plan.padded * plan.padded;
    auto const w1 = ctx.scratch<float>(plan.sets * kColumnRows * plan.padded);
    auto const w2 = ctx.scratch<float>(plan.sets * w2_size);
    auto const sign = ctx.scratch<float>(plan.sets * plan.padded);
    pack_w1(plan, args.weights, args.stats, w1.data());
    pack_w2(ctx, plan, args.weights.w2, false, w2.data());
    auto const gamma = args.weights.gamma2.view<float const, 2>();
    for (std::int64_t i = 0; i < sign.size(); ++i) {
        std::int64_t const c = i % plan.padded;
        sign.data()[i] = c < plan.channels && gamma(i / plan.padded, c) < 0 ? -1.0F : 1.0F;
    }
    std::uint8_t* const choice =
        args.saved.choice.empty() ? nullptr : args.saved.choice.flat<std::uint8_t>().data;
    std::int64_t const stride = kNumPooledCells * plan.padded;
    parallel_for(ctx, plan.items(), [&](std::int64_t item) {
        int const module = plan.module_of_item(item);
        std::int64_t const set = plan.set_of_module(module);
        work.each_tile(item, [&](ModuleTile const& tile, std::int64_t first) {
            std::int64_t const out = first * stride + module_pooled_begin(module) * plan.padded;
            kernels().fill_columns(tile);
            kernels().convolve1(tile, w1.data() + set * kColumnRows * plan.padded);
            kernels().convolve2(tile, w2.data() + set * w2_size,
                                sums == nullptr ? nullptr : sums + item * 2 * plan.padded);
            kernels().pool(tile, sign.data() + set * plan.padded, stride, pooled + out,
                           choice == nullptr ? nullptr : choice + out);
        });
    });
}

/// Batch statistics of the second norm.
void second_statistics(Plan const& plan, ModuleCnnArgs const& args, double const* item_sums)
{
    auto const b2 = args.weights.b2.view<float const, 2>();
    auto const mean2 = args.stats.mean2.view<float, 2>();
    auto const var2 = args.stats.var2.view<float, 2>();
    for (std::int64_t s = 0; s < plan.sets; ++s)
        for (std::int64_t c = 0; c < plan.channels; ++c) {
            double sum = 0;
            double squares = 0;
            plan.each_item_of(s, [&](std::int64_t item) {
                sum += item_sums[item * 2 * plan.padded + c];
                squares += item_sums[(item * 2 + 1) * plan.padded + c];
            });
            auto const [mean, var] =
                calofuse::second_statistics(sum, squares, plan.cells_of_set(s), b2(s, c));
            mean2(s, c) = static_cast<float>(mean);
            var2(s, c) = static_cast<float>(var);
        }
}

/// Bytes of `count` consecutive elements from `first`: 1 where dropout keeps it. `blocks` has room
/// for whole random blocks; returns where the first element's byte lies.
std::uint8_t const* dropout_bytes(ModuleCnnOptions const& options,
                                  std::uint32_t step,
                                  std::int64_t first,
                                  std::int64_t count,
                                  std::uint32_t* blocks)
{
    if (options.dropout_rate == 0.0F) {
        std::fill_n(blocks, (count + 7) / 4, 0x01010101U);
        return reinterpret_cast<std::uint8_t const*>(blocks);
    }
    std::uint64_t const seed = options.seed;
    std::uint32_t const stream = options.stream;
    std::uint32_t const threshold = dropout_threshold(options.dropout_rate);
    auto const begin = static_cast<std::uint64_t>(first) / 4U;
    std::int64_t const num_blocks = (first + count + 3) / 4 - first / 4;
#pragma omp simd
    for (std::int64_t i = 0; i < num_blocks; ++i) {
        std::uint32_t const bits =
            dropout_keep4(seed, stream, step, begin + static_cast<std::uint64_t>(i), threshold);
        blocks[i] = (bits & 1U) | (bits & 2U) << 7U | (bits & 4U) << 14U | (bits & 8U) << 21U;
    }
    return reinterpret_cast<std::uint8_t const*>(blocks) + first % 4;
}

/// out = leaky_relu((z - mean) * gain + beta) * scale where kept, else 0.
void norm_one_cell(std::int64_t channels,
                   float const* __restrict z,
                   SecondNorm const& norm,
                   std::int64_t at,
                   std::uint8_t const* __restrict kept,
                   float slope,
                   float scale,
                   float* __restrict out)
{
    float const* __restrict const gain = norm.gain + at;
    float const* __restrict const beta = norm.beta + at;
    float const* __restrict const mean = norm.mean + at;
    for (std::int64_t c = 0; c < channels; ++c) {
        float const u = (z[c] - mean[c]) * gain[c] + beta[c];
        float const a = u > 0.0F ? u : u * slope;
        out[c] = kept[c] != 0 ? a * scale : 0.0F;
    }
}

/// f(row of (B, 41), weight set, chunk of events) for every pooled cell.
template <class F>
void each_pooled_cell(Context& ctx, Plan const& plan, F&& f)
{
    parallel_chunks(ctx, plan.batch, kEventsPerItem, [&](auto begin, auto end, auto chunk) {
        for (std::int64_t b = begin; b < end; ++b)
            for (int m = 0; m < kNumModules; ++m)
                for (int q = module_pooled_begin(m); q < module_pooled_begin(m + 1); ++q)
                    f(b * kNumPooledCells + q, plan.set_of_module(m), chunk);
    });
}

/// pooled -> y: norm, leaky ReLU, dropout; notes in `choice` what dropout keeps.
void normalise(Context& ctx, Plan const& plan, ModuleCnnArgs const& args, float const* pooled)
{
    SecondNorm const norm(ctx, plan, args.weights, args.stats);
    bool const drops = plan.options.dropout_rate > 0.0F;
    float const scale = 1.0F / (1.0F - plan.options.dropout_rate);
    std::int64_t const step = drops ? args.step.view<std::int64_t const, 1>()[0] : 0;
    std::int64_t const first_event = drops ? args.step.view<std::int64_t const, 1>()[1] : 0;
    auto const y = args.y.view<float, 2>();
    std::uint8_t* const choices =
        args.saved.choice.empty() ? nullptr : args.saved.choice.flat<std::uint8_t>().data;
    std::int64_t const channels = plan.channels;
    each_pooled_cell(ctx, plan, [&](std::int64_t row, std::int64_t set, std::int64_t) {
        std::uint32_t blocks[kMaxModuleChannels / 4 + 2];
        std::uint8_t const* const kept =
            dropout_bytes(plan.options, static_cast<std::uint32_t>(step),
                          (first_event * kNumPooledCells + row) * channels, channels, blocks);
        norm_one_cell(channels, pooled + row * plan.padded, norm, set * plan.padded, kept,
                      plan.options.slope, scale, y.data + row * channels);
        if (choices == nullptr) return;
        std::uint8_t* const choice = choices + row * plan.padded;
        for (std::int64_t c = 0; c < channels; ++c)
            choice[c] = static_cast<std::uint8_t>(choice[c] | kept[c] << 2);
    });
}

/// g = dy * slope * scale where kept, else 0; sums (2, C') += g and g xhat, with g not yet rounded
/// to float: sums that cancel on paper should nearly do so here.
void second_gradient_of_cell(std::int64_t channels,
                             std::int64_t padded,
                             SecondNorm const& norm,
                             std::int64_t at,
                             float const* __restrict z,
                             std::uint8_t const* __restrict choice,
                             float const* __restrict dy,
                             float slope,
                             float scale,
                             float* __restrict g,
                             double* __restrict sums)
{
    float const* __restrict const gain = norm.gain + at;
    float const* __restrict const beta = norm.beta + at;
    float const* __restrict const mean = norm.mean + at;
    float const* __restrict const inverse = norm.inverse + at;
    for (std::int64_t c = 0; c < channels; ++c) {
        float const u = (z[c] - mean[c]) * gain[c] + beta[c];
        float const factor = u > 0.0F ? scale : scale * slope;
        float const kept = (choice[c] & kKeptBit) != 0 ? factor : 0.0F;
        double const exact = double{dy[c]} * kept;
        g[c] = static_cast<float>(exact);
        sums[c] += exact;
        sums[padded + c] += exact * ((z[c] - mean[c]) * inverse[c]);
    }
    std::fill(g + channels, g + padded, 0.0F);
}

/// Gradients of the second norm's parameters, and what turns g into dz2: (S, 4, C') coefficients.
/// Needs pooled values only, since everything else has g = 0. Writes g (B, 41, C') on the way.
void second_norm_gradients(
    Context& ctx, Plan const& plan, ModuleCnnGradArgs const& args, float* g, float* coefficients)
{
    SecondNorm const norm(ctx, plan, args.weights, args.stats);
    std::int64_t const chunks = (plan.batch + kEventsPerItem - 1) / kEventsPerItem;
    std::int64_t const sums_size = plan.sets * 2 * plan.padded;
    auto const sums = ctx.scratch<double>(chunks * sums_size);
    ctx.fill_zero(sums.data(), static_cast<std::size_t>(sums.size()) * sizeof(double));
    float const* const pooled = args.saved.pooled.flat<float const>().data;
    std::uint8_t const* const choices = args.saved.choice.flat<std::uint8_t const>().data;
    auto const dy = args.dy.view<float const, 2>();
    float const scale = 1.0F / (1.0F - plan.options.dropout_rate);
    each_pooled_cell(ctx, plan, [&](std::int64_t row, std::int64_t set, std::int64_t chunk) {
        std::int64_t const at = row * plan.padded;
        second_gradient_of_cell(plan.channels, plan.padded, norm, set * plan.padded, pooled + at,
                                choices + at, dy.data + row * plan.channels, plan.options.slope,
                                scale, g + at,
                                sums.data() + chunk * sums_size + set * 2 * plan.padded);
    });
    auto const dgamma = args.d.gamma2.view<float, 2>();
    auto const dbeta = args.d.beta2.view<float, 2>();
    std::fill_n(coefficients, plan.sets * 4 * plan.padded, 0.0F);
    for (std::int64_t s = 0; s < plan.sets; ++s)
        for (std::int64_t c = 0; c < plan.channels; ++c) {
            double sum_g = 0;
            double sum_gx = 0;
            for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
                sum_g += sums.data()[chunk * sums_size + s * 2 * plan.padded + c];
                sum_gx += sums.data()[chunk * sums_size + (s * 2 + 1) * plan.padded + c];
            }
            dbeta(s, c) += static_cast<float>(sum_g);
            dgamma(s, c) += static_cast<float>(sum_gx);
            std::int64_t const i = s * plan.padded + c;
            SecondGradientFactors const f =
                second_gradient_factors({norm.gain[i], norm.beta[i], norm.mean[i], norm.inverse[i]},
                                        sum_g, sum_gx, plan.cells_of_set(s));
            float* const out = coefficients + s * 4 * plan.padded + c;
            out[0] = f.mean;
            out[plan.padded] = f.slope;
            out[2 * plan.padded] = f.shift;
            out[3 * plan.padded] = f.gain;
        }
}

/// What the tiles of the backward pass leave behind, one of each per item.
struct Partials {
    Block<float> dw2;       ///< (items, 9, C', C')
    Block<float> columns;   ///< (items, 10, C')  sum of g x_tap, and of g
    Block<double> moments;  ///< (items, 55)
};

Partials convolve_backward(Context& ctx,
                           Plan const& plan,
                           ModuleCnnGradArgs const& args,
                           float const* g,
                           float const* coefficients)
{
    std::int64_t const w2_size = kTaps * plan.padded * plan.padded;
    std::int64_t const w1_size = kColumnRows * plan.padded;
    Partials out{ctx.scratch<float>(plan.items() * w2_size),
                 ctx.scratch<float>(plan.items() * w1_size),
                 ctx.scratch<double>(plan.items() * kNumMoments)};
    auto const w1 = ctx.scratch<float>(plan.sets * w1_size);
    auto const w2 = ctx.scratch<float>(plan.sets * w2_size);
    pack_w1(plan, args.weights, args.stats, w1.data());
    pack_w2(ctx, plan, args.weights.w2, true, w2.data());
    std::uint8_t const* const choice = args.saved.choice.flat<std::uint8_t const>().data;
    std::int64_t const stride = kNumPooledCells * plan.padded;
    Workspace work(ctx, plan, args.x.view<float const, 2>(), args.saved.z2.flat<float>().data);
    parallel_for(ctx, plan.items(), [&](std::int64_t item) {
        int const module = plan.module_of_item(item);
        std::int64_t const set = plan.set_of_module(module);
        float* const dw2 = out.dw2.data() + item * w2_size;
        float* const columns = out.columns.data() + item * w1_size;
        double* const moments = out.moments.data() + item * kNumMoments;
        std::fill_n(dw2, w2_size, 0.0F);
        std::fill_n(columns, w1_size, 0.0F);
        std::fill_n(moments, kNumMoments, 0.0);
        work.each_tile(item, [&](ModuleTile const& tile, std::int64_t first) {
            std::int64_t const at = first * stride + module_pooled_begin(module) * plan.padded;
            kernels().fill_columns(tile);
            kernels().add_moments(tile, moments);
            kernels().convolve1(tile, w1.data() + set * w1_size);
            kernels().second_norm_backward(tile, coefficients + set * 4 * plan.padded, stride,
                                           g + at, choice + at);
            kernels().add_weight_gradient(tile, dw2);
            kernels().add_data_gradient(tile, w2.data() + set * w2_size, columns);
        });
    });
    return out;
}

/// d.w2 += the items' parts, in item order.
void add_w2_gradient(Context& ctx, Plan const& plan, Partials const& parts, TensorRef const& ref)
{
    auto const dw2 = ref.view<float, 4>();
    std::int64_t const size = kTaps * plan.padded * plan.padded;
    parallel_for(ctx, plan.sets * kTaps * plan.channels, [&](std::int64_t row) {
        std::int64_t const set = row / (kTaps * plan.channels);
        std::int64_t const tap = row / plan.channels % kTaps;
        std::int64_t const in = row % plan.channels;
        double sum[kMaxModuleChannels] = {};
        plan.each_item_of(set, [&](std::int64_t item) {
            float const* const part =
                parts.dw2.data() + item * size + (tap * plan.padded + in) * plan.padded;
            for (std::int64_t c = 0; c < plan.channels; ++c)
                sum[c] += part[c];
        });
        for (std::int64_t c = 0; c < plan.channels; ++c)
            dw2(set, tap, in, c) += static_cast<float>(sum[c]);
    });
}

/// First norm and convolution, from the items' sums and moments.
void add_first_gradients(Plan const& plan, ModuleCnnGradArgs const& args, Partials const& parts)
{
    auto const w1 = args.weights.w1.view<float const, 3>();
    auto const gamma = args.weights.gamma1.view<float const, 2>();
    auto const var1 = args.stats.var1.view<float const, 2>();
    auto const dw1 = args.d.w1.view<float, 3>();
    auto const dgamma = args.d.gamma1.view<float, 2>();
    auto const dbeta = args.d.beta1.view<float, 2>();
    for (std::int64_t s = 0; s < plan.sets; ++s) {
        InputMoments const in = input_moments(plan, parts.moments.data(), s);
        for (std::int64_t c = 0; c < plan.channels; ++c) {
            double sums[kColumnRows] = {};
            plan.each_item_of(s, [&](std::int64_t item) {
                for (int t = 0; t < kColumnRows; ++t)
                    sums[t] += parts.columns.data()[(item * kColumnRows + t) * plan.padded + c];
            });
            double const inverse = 1.0 / std::sqrt(double{var1(s, c)} + plan.options.eps);
            calofuse::add_first_gradients(in, sums, &w1(s, 0, c), plan.channels, gamma(s, c),
                                          inverse, &dw1(s, 0, c), &dgamma(s, c), &dbeta(s, c));
        }
    }
}
}  // namespace

void module_cnn_forward(Context& ctx, ModuleCnnArgs const& args)
{
    Plan const plan(args.weights, args.options, args.x.shape[0]);
    bool const batch = args.norm == NormMode::batch;
    Workspace work(ctx, plan, args.x.view<float const, 2>(),
                   args.saved.z2.empty() ? nullptr : args.saved.z2.flat<float>().data);
    bool const keeps = !args.saved.pooled.empty();
    auto const own = ctx.scratch<float>(keeps ? 0 : plan.batch * kNumPooledCells * plan.padded);
    auto const sums = ctx.scratch<double>(batch ? plan.items() * 2 * plan.padded : 0);
    std::fill_n(sums.data(), sums.size(), 0.0);
    float* const pooled = keeps ? args.saved.pooled.flat<float>().data : own.data();
    if (batch) first_statistics(ctx, plan, args, work);
    convolve(ctx, plan, args, work, pooled, sums.data());
    if (batch) second_statistics(plan, args, sums.data());
    normalise(ctx, plan, args, pooled);
}

void module_cnn_backward(Context& ctx, ModuleCnnGradArgs const& args)
{
    Plan const plan(args.weights, args.options, args.x.shape[0]);
    auto const g = ctx.scratch<float>(plan.batch * kNumPooledCells * plan.padded);
    auto const coefficients = ctx.scratch<float>(plan.sets * 4 * plan.padded);
    second_norm_gradients(ctx, plan, args, g.data(), coefficients.data());
    Partials const parts = convolve_backward(ctx, plan, args, g.data(), coefficients.data());
    add_w2_gradient(ctx, plan, parts, args.d.w2);
    add_first_gradients(plan, args, parts);
}
}  // namespace calofuse::cpu
