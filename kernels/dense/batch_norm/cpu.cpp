#include <algorithm>
#include <cmath>

#include "kernels/dense/batch_norm.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
/// Rows of one work item: 16 KiB, so that the second pass over a chunk finds it in the first-level
/// cache, and few enough terms for sums in float.
std::int64_t chunk_rows(std::int64_t channels)
{
    return std::clamp<std::int64_t>(4096 / std::max<std::int64_t>(channels, 1), 4, 256);
}

/// sum[c] = sum of x[n, c] over the rows. Eight rows are added as a tree in float, which is exact
/// where they are equal, and joined in double: the mean of a constant is exact.
void sum_rows(float const* x, std::int64_t rows, std::int64_t channels, double* sum)
{
    std::fill_n(sum, channels, 0.0);
    std::int64_t n = 0;
    for (; n + 8 <= rows; n += 8) {
        float const* const row = x + n * channels;
#pragma omp simd
        for (std::int64_t c = 0; c < channels; ++c) {
            float const low =
                (row[c] + row[channels + c]) + (row[2 * channels + c] + row[3 * channels + c]);
            float const high = (row[4 * channels + c] + row[5 * channels + c])
                               + (row[6 * channels + c] + row[7 * channels + c]);
            sum[c] += static_cast<double>(low + high);
        }
    }
    for (; n < rows; ++n)
#pragma omp simd
        for (std::int64_t c = 0; c < channels; ++c)
            sum[c] += static_cast<double>(x[n * channels + c]);
}

/// squares[c] = sum of (x[n, c] - centre[c])^2 over the rows.
void sum_squares(
    float const* x, std::int64_t rows, std::int64_t channels, float const* centre, float* squares)
{
    std::fill_n(squares, channels, 0.0F);
    std::int64_t n = 0;
    for (; n + 4 <= rows; n += 4) {
        float const* const row = x + n * channels;
#pragma omp simd
        for (std::int64_t c = 0; c < channels; ++c) {
            float const d0 = row[c] - centre[c];
            float const d1 = row[channels + c] - centre[c];
            float const d2 = row[2 * channels + c] - centre[c];
            float const d3 = row[3 * channels + c] - centre[c];
            squares[c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
        }
    }
    for (; n < rows; ++n)
#pragma omp simd
        for (std::int64_t c = 0; c < channels; ++c) {
            float const d = x[n * channels + c] - centre[c];
            squares[c] += d * d;
        }
}

/// Mean and sum of squared deviations of one chunk. The squares are taken around the mean rounded
/// to float; the shift n (mean - centre)^2 is subtracted again.
void chunk_statistics(float const* x,
                      std::int64_t rows,
                      std::int64_t channels,
                      double* mean,
                      double* spread,
                      float* centre,
                      float* squares)
{
    sum_rows(x, rows, channels, mean);
    auto const count = static_cast<double>(rows);
    for (std::int64_t c = 0; c < channels; ++c) {
        mean[c] /= count;
        centre[c] = static_cast<float>(mean[c]);
    }
    sum_squares(x, rows, channels, centre, squares);
    for (std::int64_t c = 0; c < channels; ++c) {
        double const shift = mean[c] - static_cast<double>(centre[c]);
        double const value = static_cast<double>(squares[c]) - count * shift * shift;
        spread[c] = value < 0 ? 0 : value;  // keeps NaN
    }
}

/// Chunks are merged in order by the pairwise formula (Chan, Golub and LeVeque, 1979).
void batch_statistics(Context& ctx, BatchNormArgs const& args)
{
    auto const x = args.x.view<float const, 2>();
    std::int64_t const rows = x.shape[0], channels = x.shape[1];
    auto const mean = args.mean.view<float, 1>(), variance = args.variance.view<float, 1>();
    std::int64_t const step = chunk_rows(channels), chunks = (rows + step - 1) / step;
    auto const partial = ctx.scratch<double>(2 * chunks * channels);
    auto const work = ctx.scratch<float>(2 * chunks * channels);
    parallel_chunks(ctx, rows, step, [&](std::int64_t begin, std::int64_t end, std::int64_t chunk) {
        double* const p = partial.data() + 2 * chunk * channels;
        float* const w = work.data() + 2 * chunk * channels;
        chunk_statistics(x.data + begin * channels, end - begin, channels, p, p + channels, w,
                         w + channels);
    });
    for (std::int64_t c = 0; c < channels; ++c) {
        double count = 0, all_mean = 0, all_spread = 0;
        for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
            double const* const p = partial.data() + 2 * chunk * channels;
            auto const more = static_cast<double>(std::min(step, rows - chunk * step));
            double const delta = p[c] - all_mean;
            double const total = count + more;
            all_mean += delta * (more / total);
            all_spread += p[channels + c] + delta * delta * (count * more / total);
            count = total;
        }
        mean[c] = static_cast<float>(all_mean);
        variance[c] = static_cast<float>(rows > 0 ? all_spread / count : 0.0);
    }
}

/// scale[c] = gamma[c] / sqrt(variance[c] + epsilon), inverse[c] = the same without gamma.
void scales(View<float const, 1> gamma,
            View<float const, 1> variance,
            float epsilon,
            float* scale,
            float* inverse)
{
    for (std::int64_t c = 0; c < gamma.shape[0]; ++c) {
        inverse[c] = static_cast<float>(
            1.0 / std::sqrt(static_cast<double>(variance[c]) + static_cast<double>(epsilon)));
        scale[c] = gamma[c] * inverse[c];
    }
}

/// first[c] = sum of dy, second[c] = sum of dy (x - mean), over the rows.
void sum_gradients(float const* dy,
                   float const* x,
                   std::int64_t rows,
                   std::int64_t channels,
                   float const* mean,
                   float* first,
                   float* second)
{
    std::fill_n(first, channels, 0.0F);
    std::fill_n(second, channels, 0.0F);
    std::int64_t n = 0;
    for (; n + 4 <= rows; n += 4) {
        float const* const g = dy + n * channels;
        float const* const v = x + n * channels;
#pragma omp simd
        for (std::int64_t c = 0; c < channels; ++c) {
            float const g0 = g[c], g1 = g[channels + c];
            float const g2 = g[2 * channels + c], g3 = g[3 * channels + c];
            first[c] += (g0 + g1) + (g2 + g3);
            second[c] +=
                (g0 * (v[c] - mean[c]) + g1 * (v[channels + c] - mean[c]))
                + (g2 * (v[2 * channels + c] - mean[c]) + g3 * (v[3 * channels + c] - mean[c]));
        }
    }
    for (; n < rows; ++n)
#pragma omp simd
        for (std::int64_t c = 0; c < channels; ++c) {
            float const g = dy[n * channels + c];
            first[c] += g;
            second[c] += g * (x[n * channels + c] - mean[c]);
        }
}

/// dx += scale (dy - level) - slope (x - mean)
void add_input_gradient(Context& ctx,
                        BatchNormGradArgs const& args,
                        float const* scale,
                        float const* level,
                        float const* slope)
{
    auto const x = args.x.view<float const, 2>(), dy = args.dy.view<float const, 2>();
    auto const dx = args.dx.view<float, 2>();
    float const* const mean = args.mean.view<float const, 1>().data;
    std::int64_t const channels = x.shape[1];
    parallel_chunks(ctx, x.shape[0], chunk_rows(channels),
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        for (std::int64_t n = begin; n < end; ++n) {
                            float const* const v = x.data + n * channels;
                            float const* const g = dy.data + n * channels;
                            float* const out = dx.data + n * channels;
#pragma omp simd
                            for (std::int64_t c = 0; c < channels; ++c)
                                out[c] +=
                                    scale[c] * (g[c] - level[c]) - slope[c] * (v[c] - mean[c]);
                        }
                    });
}
}  // namespace

void batch_norm_forward(Context& ctx, BatchNormArgs const& args)
{
    if (args.statistics == Statistics::batch) batch_statistics(ctx, args);
    auto const x = args.x.view<float const, 2>();
    auto const y = args.y.view<float, 2>();
    std::int64_t const channels = x.shape[1];
    auto const factor = ctx.scratch<float>(2 * channels);
    float* const scale = factor.data();
    scales(args.gamma.view<float const, 1>(), args.variance.view<float const, 1>(), args.epsilon,
           scale, scale + channels);
    float const* const mean = args.mean.view<float const, 1>().data;
    float const* const beta = args.beta.view<float const, 1>().data;
    parallel_chunks(ctx, x.shape[0], chunk_rows(channels),
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        for (std::int64_t n = begin; n < end; ++n) {
                            float const* const in = x.data + n * channels;
                            float* const out = y.data + n * channels;
#pragma omp simd
                            for (std::int64_t c = 0; c < channels; ++c)
                                out[c] = (in[c] - mean[c]) * scale[c] + beta[c];
                        }
                    });
}

void batch_norm_backward(Context& ctx, BatchNormGradArgs const& args)
{
    auto const x = args.x.view<float const, 2>(), dy = args.dy.view<float const, 2>();
    auto const dgamma = args.dgamma.view<float, 1>(), dbeta = args.dbeta.view<float, 1>();
    std::int64_t const rows = x.shape[0], channels = x.shape[1];
    float const* const mean = args.mean.view<float const, 1>().data;
    std::int64_t const step = chunk_rows(channels), chunks = (rows + step - 1) / step;
    auto const partial = ctx.scratch<float>(2 * chunks * channels);
    parallel_chunks(ctx, rows, step, [&](std::int64_t begin, std::int64_t end, std::int64_t chunk) {
        float* const p = partial.data() + 2 * chunk * channels;
        sum_gradients(dy.data + begin * channels, x.data + begin * channels, end - begin, channels,
                      mean, p, p + channels);
    });
    auto const factor = ctx.scratch<float>(4 * channels);
    float* const scale = factor.data();
    float* const inverse = scale + channels;
    float* const level = inverse + channels;
    float* const slope = level + channels;
    scales(args.gamma.view<float const, 1>(), args.variance.view<float const, 1>(), args.epsilon,
           scale, inverse);
    double const share =
        args.statistics == Statistics::batch && rows > 0 ? 1.0 / static_cast<double>(rows) : 0.0;
    for (std::int64_t c = 0; c < channels; ++c) {
        double first = 0, second = 0;
        for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
            first += static_cast<double>(partial.data()[2 * chunk * channels + c]);
            second += static_cast<double>(partial.data()[(2 * chunk + 1) * channels + c]);
        }
        auto const r = static_cast<double>(inverse[c]);
        dbeta[c] += static_cast<float>(first);
        dgamma[c] += static_cast<float>(second * r);
        level[c] = static_cast<float>(first * share);
        slope[c] = static_cast<float>(static_cast<double>(scale[c]) * r * r * second * share);
    }
    if (!args.dx.empty()) add_input_gradient(ctx, args, scale, level, slope);
}
}  // namespace calofuse::cpu
