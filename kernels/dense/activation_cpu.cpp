#include <cmath>

#include "kernels/common/asinh.hpp"
#include "kernels/common/float_math.hpp"
#include "kernels/dense/activation.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kChunk = 16384;
constexpr float kGeluScale = 0.7978845608F;  // sqrt(2 / pi)
constexpr float kGeluCubic = 0.044715F;

/// y[i] = f(x[i])
template <class F>
void map(Context& ctx, ActivationArgs const& args, F f)
{
    auto const x = args.x.flat<float const>();
    auto const y = args.y.flat<float>();
    parallel_chunks(ctx, x.size(), kChunk, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
        F const local = f;  // what f holds comes from registers, not from memory, or no vectors
#pragma omp simd
        for (std::int64_t i = begin; i < end; ++i)
            y.data[i] = local(x.data[i]);
    });
}

/// dx[i] += dy[i] * f(saved[i])
template <class F>
void map_back(Context& ctx, ActivationGradArgs const& args, F f)
{
    auto const saved = args.saved.flat<float const>(), dy = args.dy.flat<float const>();
    auto const dx = args.dx.flat<float>();
    parallel_chunks(ctx, dx.size(), kChunk,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        F const local = f;
#pragma omp simd
                        for (std::int64_t i = begin; i < end; ++i)
                            dx.data[i] += dy.data[i] * local(saved.data[i]);
                    });
}

float gelu_exact(float x)
{
    return 0.5F * x * std::erfc(-x * 0.70710678F);
}
float gelu_exact_slope(float x)
{
    constexpr float kDensity = 0.3989422804F;  // 1 / sqrt(2 pi)
    return 0.5F * std::erfc(-x * 0.70710678F) + x * kDensity * std::exp(-0.5F * x * x);
}
float gelu_tanh(float x)
{
    return 0.5F * x * (1.0F + tanh_float(kGeluScale * (x + kGeluCubic * x * x * x)));
}
float gelu_tanh_slope(float x)
{
    float const t = tanh_float(kGeluScale * (x + kGeluCubic * x * x * x));
    float const inner = kGeluScale * (1.0F + 3.0F * kGeluCubic * x * x);
    // 1 - t^2 = (1 + t)(1 - t) is 0 before inner * x can overflow
    float const tail = std::abs(x) < 20.0F ? x * (1.0F - t * t) * inner : 0.0F;
    return 0.5F * (1.0F + t + tail);
}
float softplus(float x)
{
    return (x > 0 ? x : 0.0F) + log1p_nonnegative(exp_float(x > 0 ? -x : x));
}
}  // namespace

void activation_forward(Context& ctx, ActivationArgs const& args)
{
    float const p = args.parameter;
    switch (args.kind) {
        case Activation::relu:
            return map(ctx, args, [](float x) { return x <= 0 ? 0.0F : x; });
        case Activation::leaky_relu:
            return map(ctx, args, [p](float x) { return x > 0 ? x : p * x; });
        case Activation::elu:
            return map(ctx, args, [p](float x) { return x > 0 ? x : p * expm1_float(x); });
        case Activation::gelu_exact:
            return map(ctx, args, gelu_exact);
        case Activation::gelu_tanh:
            return map(ctx, args, [](float x) { return gelu_tanh(x); });
        case Activation::tanh:
            return map(ctx, args, [](float x) { return tanh_float(x); });
        case Activation::sigmoid:
            return map(ctx, args, [](float x) { return sigmoid_float(x); });
        case Activation::softplus:
            return map(ctx, args, [](float x) { return softplus(x); });
    }
}

void activation_backward(Context& ctx, ActivationGradArgs const& args)
{
    float const p = args.parameter;
    switch (args.kind) {
        case Activation::relu:
            return map_back(ctx, args, [](float y) { return y > 0 ? 1.0F : 0.0F; });
        case Activation::leaky_relu:
            return map_back(ctx, args, [p](float y) { return y > 0 ? 1.0F : p; });
        case Activation::elu:
            return map_back(ctx, args, [p](float y) { return y > 0 ? 1.0F : y + p; });
        case Activation::gelu_exact:
            return map_back(ctx, args, gelu_exact_slope);
        case Activation::gelu_tanh:
            return map_back(ctx, args, [](float x) { return gelu_tanh_slope(x); });
        case Activation::tanh:
            return map_back(ctx, args, [](float y) { return 1.0F - y * y; });
        case Activation::sigmoid:
            return map_back(ctx, args, [](float y) { return y * (1.0F - y); });
        case Activation::softplus:
            return map_back(ctx, args, [](float x) { return sigmoid_float(x); });
    }
}
}  // namespace calofuse::cpu
