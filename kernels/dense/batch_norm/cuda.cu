#include <cmath>

#include "kernels/dense/batch_norm.hpp"
#include "kernels/device/columns.cuh"

// Bound by memory. Forward reads x twice and writes y (12 B an element; 8 with given statistics),
// backward reads x and dy twice, reads and writes dx (24 B).
// Statistics: sums of d = x - p and of d^2 in double, p = row 0 of x. The sum of squares around the
// mean, S, is the sum of d^2 less n (mean - p)^2, and as p is one of the values, (mean - p)^2 <= S:
// no more than a factor n of the 2^-53 is lost, and a constant channel has exactly 0.
namespace calofuse::cuda {
namespace {
struct Moments {
    float const* x;
    std::int64_t channels;
    __device__ Pair operator()(std::int64_t row, std::int64_t c) const
    {
        double const d = static_cast<double>(x[row * channels + c]) - static_cast<double>(x[c]);
        return {d, d * d};
    }
};
struct FinishMoments {
    float const* x;
    std::int64_t rows;
    float *mean, *variance;
    __device__ void operator()(std::int64_t c, Pair const& sum) const
    {
        if (rows == 0) {
            mean[c] = variance[c] = 0;
            return;
        }
        auto const count = static_cast<double>(rows);
        double const shift = sum.first / count;
        double const spread = sum.second - count * shift * shift;
        mean[c] = static_cast<float>(static_cast<double>(x[c]) + shift);
        variance[c] = static_cast<float>(spread < 0 ? 0.0 : spread / count);  // keeps NaN
    }
};

/// 1 / sqrt(variance + epsilon), rounded to float once
__device__ float inverse_deviation(float variance, float epsilon)
{
    return static_cast<float>(
        1.0 / std::sqrt(static_cast<double>(variance) + static_cast<double>(epsilon)));
}

struct Normalise {
    float const *x, *gamma, *beta, *mean, *variance;
    float epsilon;
    float* y;  ///< may be x
    struct Element {
        float const* x;
        float* y;
        float mean, scale, beta;
        __device__ void operator()(std::int64_t i) const { y[i] = (x[i] - mean) * scale + beta; }
    };
    __device__ Element operator()(std::int64_t c) const
    {
        return {x, y, mean[c], gamma[c] * inverse_deviation(variance[c], epsilon), beta[c]};
    }
};

struct GradientSums {
    float const *x, *dy, *mean;
    std::int64_t channels;
    __device__ Pair operator()(std::int64_t row, std::int64_t c) const
    {
        std::int64_t const i = row * channels + c;
        auto const g = static_cast<double>(dy[i]);
        return {g, g * (static_cast<double>(x[i]) - static_cast<double>(mean[c]))};
    }
};
/// dx += scale (dy - level) - slope (x - mean)
struct FinishGradients {
    float const *gamma, *variance;
    float epsilon;
    double share;  ///< 1 / rows; 0 where the statistics are constants
    float *dgamma, *dbeta;
    float *scale, *level, *slope;
    __device__ void operator()(std::int64_t c, Pair const& sum) const
    {
        float const inverse = inverse_deviation(variance[c], epsilon);
        auto const r = static_cast<double>(inverse);
        dbeta[c] += static_cast<float>(sum.first);
        dgamma[c] += static_cast<float>(sum.second * r);
        scale[c] = gamma[c] * inverse;
        level[c] = static_cast<float>(sum.first * share);
        slope[c] = static_cast<float>(static_cast<double>(scale[c]) * r * r * sum.second * share);
    }
};
struct InputGradient {
    float const *x, *dy, *mean, *scale, *level, *slope;
    float* dx;
    struct Element {
        float const *x, *dy;
        float* dx;
        float mean, scale, level, slope;
        __device__ void operator()(std::int64_t i) const
        {
            dx[i] += scale * (dy[i] - level) - slope * (x[i] - mean);
        }
    };
    __device__ Element operator()(std::int64_t c) const
    {
        return {x, dy, dx, mean[c], scale[c], level[c], slope[c]};
    }
};
}  // namespace

void batch_norm_forward(Context& ctx, BatchNormArgs const& args)
{
    auto const x = args.x.view<float const, 2>();
    std::int64_t const rows = x.shape[0], channels = x.shape[1];
    auto* const mean = args.mean.flat<float>().data;
    auto* const variance = args.variance.flat<float>().data;
    if (args.statistics == Statistics::batch)
        column_sums(ctx, "batch_norm_statistics", Columns(rows, channels),
                    Moments{x.data, channels}, FinishMoments{x.data, rows, mean, variance});
    each_column(
        ctx, "batch_norm_forward", rows, channels,
        Normalise{x.data, args.gamma.flat<float const>().data, args.beta.flat<float const>().data,
                  mean, variance, args.epsilon, args.y.flat<float>().data});
}

void batch_norm_backward(Context& ctx, BatchNormGradArgs const& args)
{
    auto const x = args.x.view<float const, 2>();
    std::int64_t const rows = x.shape[0], channels = x.shape[1];
    float const* const dy = args.dy.flat<float const>().data;
    float const* const mean = args.mean.flat<float const>().data;
    auto const factor = ctx.scratch<float>(3 * channels);
    float* const scale = factor.data();
    float* const level = scale + channels;
    float* const slope = level + channels;
    double const share =
        args.statistics == Statistics::batch && rows > 0 ? 1.0 / static_cast<double>(rows) : 0.0;
    column_sums(
        ctx, "batch_norm_gradient_sums", Columns(rows, channels),
        GradientSums{x.data, dy, mean, channels},
        FinishGradients{args.gamma.flat<float const>().data, args.variance.flat<float const>().data,
                        args.epsilon, share, args.dgamma.flat<float>().data,
                        args.dbeta.flat<float>().data, scale, level, slope});
    if (args.dx.empty()) return;
    each_column(ctx, "batch_norm_backward", rows, channels,
                InputGradient{x.data, dy, mean, scale, level, slope, args.dx.flat<float>().data});
}
}  // namespace calofuse::cuda
