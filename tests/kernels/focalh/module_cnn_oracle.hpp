/// \file tests/kernels/focalh/module_cnn_oracle.hpp
/// The nine CNNs in double, layer by layer as defined: nothing fused, nothing skipped.
#pragma once

#include <cmath>
#include <vector>

#include "kernels/focalh/module_cnn.hpp"

namespace calofuse::test {
using Values = std::vector<double>;

/// Weights of S sets, or their gradients.
struct CnnWeights {
    Values w1, b1, gamma1, beta1, w2, b2, gamma2, beta2;
};

struct CnnProblem {
    std::size_t batch, channels, sets;
    std::array<std::int32_t, kNumModules> set_of_module;
    double eps, slope;
    Values x;  ///< (B, 249)
    CnnWeights w;
    Values factors;  ///< (B, 41 C) of the dropout
};

struct CnnState {
    Values mean1, var1, mean2, var2;  ///< (S, C)
    Values z1, a1, z2, a2;            ///< (B, 249, C)
    Values y;                         ///< (B, 41 C)
    std::vector<std::size_t> winner;  ///< (B, 41 C) flat index into a2
};

/// f(set, row, col, cell, module) for every cell of an event.
template <class F>
void each_cell(CnnProblem const& p, F&& f)
{
    for (int m = 0; m < kNumModules; ++m)
        for (int r = 0; r < module_side(m); ++r)
            for (int c = 0; c < module_side(m); ++c)
                f(static_cast<std::size_t>(p.set_of_module[static_cast<std::size_t>(m)]), r, c,
                  static_cast<std::size_t>(module_begin(m) + r * module_side(m) + c), m);
}

/// f(tap, cell it reads) for the taps of a cell that do not read padding.
template <class F>
void each_tap(int m, int r, int c, F&& f)
{
    int const n = module_side(m);
    for (int t = 0; t < 9; ++t) {
        int const row = r + t / 3 - 1;
        int const col = c + t % 3 - 1;
        if (row >= 0 && row < n && col >= 0 && col < n)
            f(static_cast<std::size_t>(t),
              static_cast<std::size_t>(module_begin(m) + row * n + col));
    }
}

/// f(event, channel, index into (B, 249, C), index into (S, C)) for one cell.
template <class F>
void each_value(CnnProblem const& p, std::size_t set, std::size_t cell, F&& f)
{
    for (std::size_t b = 0; b < p.batch; ++b)
        for (std::size_t c = 0; c < p.channels; ++c)
            f(b, c, (b * kNumCells + cell) * p.channels + c, set * p.channels + c);
}

inline Values cells_of_sets(CnnProblem const& p)
{
    Values count(p.sets, 0.0);
    each_cell(p,
              [&](auto set, int, int, auto, int) { count[set] += static_cast<double>(p.batch); });
    return count;
}

inline void batch_statistics(CnnProblem const& p, Values const& z, Values& mean, Values& var)
{
    Values const count = cells_of_sets(p);
    mean.assign(p.sets * p.channels, 0.0);
    var = mean;
    each_cell(p, [&](auto set, int, int, auto cell, int) {
        each_value(p, set, cell,
                   [&](auto, auto, auto i, auto at) { mean[at] += z[i] / count[set]; });
    });
    each_cell(p, [&](auto set, int, int, auto cell, int) {
        each_value(p, set, cell, [&](auto, auto, auto i, auto at) {
            var[at] += (z[i] - mean[at]) * (z[i] - mean[at]) / count[set];
        });
    });
}

inline Values norm_and_relu(CnnProblem const& p,
                            Values const& z,
                            Values const& mean,
                            Values const& var,
                            Values const& gamma,
                            Values const& beta)
{
    Values a(z.size());
    each_cell(p, [&](auto set, int, int, auto cell, int) {
        each_value(p, set, cell, [&](auto, auto, auto i, auto at) {
            double const u = gamma[at] * (z[i] - mean[at]) / std::sqrt(var[at] + p.eps) + beta[at];
            a[i] = u > 0 ? u : p.slope * u;
        });
    });
    return a;
}

/// z[b, cell, o] = bias + sum over taps and inputs; `inputs` values a cell.
inline Values convolution(
    CnnProblem const& p, Values const& in, std::size_t inputs, Values const& w, Values const& bias)
{
    Values z(p.batch * kNumCells * p.channels);
    each_cell(p, [&](auto set, int r, int col, auto cell, int m) {
        each_value(p, set, cell, [&](auto, auto, auto i, auto at) { z[i] = bias[at]; });
        each_tap(m, r, col, [&](auto t, auto from) {
            for (std::size_t b = 0; b < p.batch; ++b)
                for (std::size_t k = 0; k < inputs; ++k)
                    for (std::size_t c = 0; c < p.channels; ++c)
                        z[(b * kNumCells + cell) * p.channels + c] +=
                            in[(b * kNumCells + from) * inputs + k]
                            * w[((set * 9 + t) * inputs + k) * p.channels + c];
        });
    });
    return z;
}

/// f(index into y, indices of the four cells into a2)
template <class F>
void each_window(CnnProblem const& p, F&& f)
{
    for (std::size_t b = 0; b < p.batch; ++b)
        for (int m = 0; m < kNumModules; ++m) {
            int const half = module_side(m) / 2;
            for (int q = 0; q < half * half; ++q)
                for (std::size_t c = 0; c < p.channels; ++c) {
                    std::array<std::size_t, 4> in;
                    for (std::size_t k = 0; k < 4; ++k) {
                        auto const row = static_cast<std::size_t>(2 * (q / half)) + k / 2;
                        auto const col = static_cast<std::size_t>(2 * (q % half)) + k % 2;
                        auto const cell = static_cast<std::size_t>(module_begin(m))
                                          + row * static_cast<std::size_t>(module_side(m)) + col;
                        in[k] = (b * kNumCells + cell) * p.channels + c;
                    }
                    auto const pooled = static_cast<std::size_t>(module_pooled_begin(m) + q);
                    f((b * kNumPooledCells + pooled) * p.channels + c, in);
                }
        }
}

/// With `given` (mean1, var1, mean2, var2) or with the statistics of the batch.
inline CnnState forward(CnnProblem const& p, CnnState const* given = nullptr)
{
    CnnState s;
    s.z1 = convolution(p, p.x, 1, p.w.w1, p.w.b1);
    batch_statistics(p, s.z1, s.mean1, s.var1);
    if (given != nullptr) s.mean1 = given->mean1, s.var1 = given->var1;
    s.a1 = norm_and_relu(p, s.z1, s.mean1, s.var1, p.w.gamma1, p.w.beta1);
    s.z2 = convolution(p, s.a1, p.channels, p.w.w2, p.w.b2);
    batch_statistics(p, s.z2, s.mean2, s.var2);
    if (given != nullptr) s.mean2 = given->mean2, s.var2 = given->var2;
    s.a2 = norm_and_relu(p, s.z2, s.mean2, s.var2, p.w.gamma2, p.w.beta2);
    s.y.resize(p.batch * kNumPooledCells * p.channels);
    s.winner.resize(s.y.size());
    each_window(p, [&](auto at, auto const& in) {
        s.winner[at] = in[0];
        for (std::size_t const i : in)
            if (s.a2[i] > s.a2[s.winner[at]]) s.winner[at] = i;
        s.y[at] = s.a2[s.winner[at]] * p.factors[at];
    });
    return s;
}

/// g (gradient after the leaky ReLU) becomes the gradient before the norm.
inline void norm_and_relu_backward(CnnProblem const& p,
                                   Values const& z,
                                   Values const& mean,
                                   Values const& var,
                                   Values const& gamma,
                                   Values const& beta,
                                   Values& g,
                                   Values& dgamma,
                                   Values& dbeta)
{
    Values const count = cells_of_sets(p);
    dgamma.assign(p.sets * p.channels, 0.0);
    dbeta = dgamma;
    auto const xhat = [&](auto i, auto at) {
        return (z[i] - mean[at]) / std::sqrt(var[at] + p.eps);
    };
    each_cell(p, [&](auto set, int, int, auto cell, int) {
        each_value(p, set, cell, [&](auto, auto, auto i, auto at) {
            if (!(gamma[at] * xhat(i, at) + beta[at] > 0)) g[i] *= p.slope;
            dgamma[at] += g[i] * xhat(i, at);
            dbeta[at] += g[i];
        });
    });
    each_cell(p, [&](auto set, int, int, auto cell, int) {
        each_value(p, set, cell, [&](auto, auto, auto i, auto at) {
            g[i] = gamma[at] / std::sqrt(var[at] + p.eps)
                   * (g[i] - (dbeta[at] + xhat(i, at) * dgamma[at]) / count[set]);
        });
    });
}

/// dw and din of `convolution` (din is left alone where it is empty).
inline void convolution_backward(CnnProblem const& p,
                                 Values const& in,
                                 std::size_t inputs,
                                 Values const& w,
                                 Values const& dz,
                                 Values& dw,
                                 Values& din)
{
    dw.assign(w.size(), 0.0);
    each_cell(p, [&](auto set, int r, int col, auto cell, int m) {
        each_tap(m, r, col, [&](auto t, auto from) {
            for (std::size_t b = 0; b < p.batch; ++b)
                for (std::size_t k = 0; k < inputs; ++k)
                    for (std::size_t c = 0; c < p.channels; ++c) {
                        double const d = dz[(b * kNumCells + cell) * p.channels + c];
                        std::size_t const i = (b * kNumCells + from) * inputs + k;
                        std::size_t const at = ((set * 9 + t) * inputs + k) * p.channels + c;
                        dw[at] += d * in[i];
                        if (!din.empty()) din[i] += d * w[at];
                    }
        });
    });
}

/// Gradients of sum dy * y, through the batch statistics.
inline CnnWeights backward(CnnProblem const& p, CnnState const& s, Values const& dy)
{
    CnnWeights d;
    Values g(s.a2.size(), 0.0);
    for (std::size_t i = 0; i < dy.size(); ++i)
        g[s.winner[i]] += dy[i] * p.factors[i];
    norm_and_relu_backward(p, s.z2, s.mean2, s.var2, p.w.gamma2, p.w.beta2, g, d.gamma2, d.beta2);
    Values da1(s.a1.size(), 0.0);
    convolution_backward(p, s.a1, p.channels, p.w.w2, g, d.w2, da1);
    norm_and_relu_backward(p, s.z1, s.mean1, s.var1, p.w.gamma1, p.w.beta1, da1, d.gamma1, d.beta1);
    Values none;
    convolution_backward(p, p.x, 1, p.w.w1, da1, d.w1, none);
    d.b1.assign(p.w.b1.size(), 0.0);  // a norm follows
    d.b2 = d.b1;
    return d;
}
}  // namespace calofuse::test
