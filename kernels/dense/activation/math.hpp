/// \file kernels/dense/activation/math.hpp
/// The formulas of activation.hpp for one element, for both backends.
#pragma once

#include <cmath>

#include "kernels/dense/activation.hpp"
#include "kernels/math/asinh.hpp"
#include "kernels/math/float_math.hpp"
#include "kernels/math/gaussian.hpp"
#include "runtime/dispatch.hpp"

namespace calofuse {
inline constexpr float kGeluScale = 0.7978845608F;  // sqrt(2 / pi)
inline constexpr float kGeluCubic = 0.044715F;

/// f(x)
template <Activation kKind>
CALOFUSE_HD inline float activation(float x, [[maybe_unused]] float p)
{
    if constexpr (kKind == Activation::relu) return x <= 0 ? 0.0F : x;
    if constexpr (kKind == Activation::leaky_relu) return x > 0 ? x : p * x;
    if constexpr (kKind == Activation::elu) return x > 0 ? x : p * expm1_float(x);
    if constexpr (kKind == Activation::gelu_exact) return x * gaussian(x).cdf;
    if constexpr (kKind == Activation::gelu_tanh)
        return 0.5F * x * (1.0F + tanh_float(kGeluScale * (x + kGeluCubic * x * x * x)));
    if constexpr (kKind == Activation::tanh) return tanh_float(x);
    if constexpr (kKind == Activation::sigmoid) return sigmoid_float(x);
    if constexpr (kKind == Activation::softplus)
        return (x > 0 ? x : 0.0F) + log1p_nonnegative(exp_float(x > 0 ? -x : x));
    if constexpr (kKind == Activation::asinh) return asinh_f32(x);
}

/// f'(x), from s = x where backward_reads_input(kKind), else from s = f(x).
template <Activation kKind>
CALOFUSE_HD inline float activation_slope(float s, [[maybe_unused]] float p)
{
    if constexpr (kKind == Activation::relu) return s > 0 ? 1.0F : 0.0F;
    if constexpr (kKind == Activation::leaky_relu) return s > 0 ? 1.0F : p;
    if constexpr (kKind == Activation::elu) return s > 0 ? 1.0F : s + p;
    if constexpr (kKind == Activation::gelu_exact) {
        Gaussian const g = gaussian(s);
        return g.cdf + s * g.density;
    }
    if constexpr (kKind == Activation::gelu_tanh) {
        float const t = tanh_float(kGeluScale * (s + kGeluCubic * s * s * s));
        float const inner = kGeluScale * (1.0F + 3.0F * kGeluCubic * s * s);
        // 1 - t^2 = (1 + t)(1 - t) is 0 before inner * s can overflow
        float const tail = std::fabs(s) < 20.0F ? s * (1.0F - t * t) * inner : 0.0F;
        return 0.5F * (1.0F + t + tail);
    }
    if constexpr (kKind == Activation::tanh) return 1.0F - s * s;
    if constexpr (kKind == Activation::sigmoid) return s * (1.0F - s);
    if constexpr (kKind == Activation::softplus) return sigmoid_float(s);
    if constexpr (kKind == Activation::asinh) return 1.0F / std::sqrt(1.0F + s * s);
}

/// f.operator()<kind>()
template <class F>
void dispatch_activation(Activation kind, F&& f)
{
    using enum Activation;
    dispatch_value<relu, leaky_relu, elu, gelu_exact, gelu_tanh, tanh, sigmoid, softplus, asinh>(
        kind, std::forward<F>(f));
}
}  // namespace calofuse
