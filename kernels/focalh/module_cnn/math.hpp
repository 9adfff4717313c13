/// \file kernels/focalh/module_cnn/math.hpp
/// The norms of module_cnn in double, for both backends: statistics of the first one from the moments
/// of its inputs, what is folded into the convolutions, and the gradients of their parameters.
/// Pointers to parameters of one channel of one set; taps of w1 are `stride` apart.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/focalh/module_cnn/simd.hpp"
#include "runtime/config.hpp"

namespace calofuse {
inline constexpr int kConvTaps = 9;

/// First and second moments of the inputs under the nine taps (and of 1, as the tenth).
struct InputMoments {
    double expected[cpu::kNumMoments];  ///< of x_t x_u: (0, 0), (0, 1) ..

    CALOFUSE_HD double mean(int t) const { return product(t, kConvTaps); }
    CALOFUSE_HD double covariance(int t, int u) const
    {
        return (t < u ? product(t, u) : product(u, t)) - mean(t) * mean(u);
    }

  private:
    CALOFUSE_HD double product(int t, int u) const  // t <= u
    {
        return expected[t * cpu::kColumnRows - t * (t - 1) / 2 + u - t];
    }
};

struct MeanVariance {
    double mean, variance;
};
/// Of sum_t w1[t] x_t + b1.
CALOFUSE_HD inline MeanVariance first_statistics(InputMoments const& in,
                                                 float const* w1,
                                                 std::int64_t stride,
                                                 float b1)
{
    MeanVariance out{b1, 0};
    for (int t = 0; t < kConvTaps; ++t) {
        double const w = w1[t * stride];
        out.mean += w * in.mean(t);
        for (int u = 0; u < kConvTaps; ++u)
            out.variance += w * w1[u * stride] * in.covariance(t, u);
    }
    out.variance = out.variance < 0 ? 0 : out.variance;  // NaN stays
    return out;
}

/// Of the second norm's inputs, from their sum and sum of squares; they lack the bias, which moves
/// the mean only.
CALOFUSE_HD inline MeanVariance second_statistics(double sum,
                                                  double squares,
                                                  double count,
                                                  float b2)
{
    double const mean = sum / count;
    double const variance = squares / count - mean * mean;
    return {mean + b2, variance < 0 ? 0 : variance};
}

/// The first convolution with its norm folded in: w1[t] * gain, and the tenth weight, shift.
struct FoldedFirst {
    double gain, shift;
};
CALOFUSE_HD inline FoldedFirst fold_first(
    float gamma, float beta, float b1, float mean, float var, float eps)
{
    double const gain = gamma / sqrt(double{var} + eps);
    return {gain, (double{b1} - mean) * gain + beta};
}

/// The second norm of z2 (which lacks its bias): u = (z2 - mean) * gain + beta, xhat = (z2 - mean) *
/// inverse. Subtracting first costs an operation and saves the digits that a folded shift loses.
struct SecondNormFactors {
    float gain, beta, mean, inverse;
};
CALOFUSE_HD inline SecondNormFactors second_norm_factors(
    float gamma, float beta, float b2, float mean, float var, float eps)
{
    double const inverse = 1.0 / sqrt(double{var} + eps);
    return {static_cast<float>(gamma * inverse), beta, static_cast<float>(double{mean} - b2),
            static_cast<float>(inverse)};
}

/// dz2 = slope * (z2 - mean) + shift + gain * g, from the sums of g and g xhat.
struct SecondGradientFactors {
    float mean, slope, shift, gain;
};
CALOFUSE_HD inline SecondGradientFactors second_gradient_factors(SecondNormFactors const& norm,
                                                                 double sum_g,
                                                                 double sum_gx,
                                                                 double count)
{
    double const gain = norm.gain;
    return {norm.mean, static_cast<float>(-gain * sum_gx / count * norm.inverse),
            static_cast<float>(-gain * sum_g / count), norm.gain};
}

/// First norm and convolution, from S_t = sum g x_t, S = sum g (sums[9]) and the input moments:
///   dbeta = S,  dgamma = (w . (S_t - m_t S)) / sd,  dw_t = gamma / sd (S_t - m_t S - dgamma / sd
///   (cov w)_t);  all added to.
CALOFUSE_HD inline void add_first_gradients(InputMoments const& in,
                                            double const (&sums)[cpu::kColumnRows],
                                            float const* w1,
                                            std::int64_t stride,
                                            float gamma,
                                            double inverse,
                                            float* dw1,
                                            float* dgamma,
                                            float* dbeta)
{
    double centred[kConvTaps];
    double dg = 0;
    for (int t = 0; t < kConvTaps; ++t) {
        centred[t] = sums[t] - in.mean(t) * sums[kConvTaps];
        dg += w1[t * stride] * centred[t] * inverse;
    }
    for (int t = 0; t < kConvTaps; ++t) {
        double spread = 0;
        for (int u = 0; u < kConvTaps; ++u)
            spread += in.covariance(t, u) * w1[u * stride];
        dw1[t * stride] +=
            static_cast<float>(gamma * inverse * (centred[t] - dg * inverse * spread));
    }
    *dgamma += static_cast<float>(dg);
    *dbeta += static_cast<float>(sums[kConvTaps]);
}
}  // namespace calofuse
