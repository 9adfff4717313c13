/// \file kernels/dense/layer_norm.hpp
/// Layer norm over the channels of each row, and what a residual block does with its result:
///   y = dropout(act((x - mean) / sqrt(variance + epsilon) * gamma + beta)) + shortcut
/// mean and (biased) variance of the row; act = none or elu (alpha 1). Only two numbers a row and one
/// bit an element are kept for the backward pass, which reads x again.
#pragma once

#include "kernels/math/event_dropout.hpp"
#include "runtime/context.hpp"

namespace calofuse {
inline constexpr float kLayerNormKerasEpsilon = 1e-3F;
inline constexpr float kLayerNormTorchEpsilon = 1e-5F;

enum class LayerNormActivation : std::uint8_t { none, elu };

struct LayerNormOptions {
    float epsilon = kLayerNormTorchEpsilon;
    LayerNormActivation activation = LayerNormActivation::none;
    EventDropout dropout = {};  ///< after the activation; needs row_ptr and kept
};

/// K = ceil(W / 16).
struct LayerNormArgs {
    TensorRef x;              ///< (N, W) f32
    TensorRef gamma;          ///< (W) f32
    TensorRef beta;           ///< (W) f32
    TensorRef shortcut = {};  ///< (N, W) f32, may be y; empty: 0
    TensorRef row_ptr = {};   ///< (B + 1) i32: rows of event b, N is a capacity; empty: all N rows
    LayerNormOptions options = {};
    TensorRef saved;      ///< (N, 2) f32: mean, 1 / sqrt(variance + epsilon); for backward
    TensorRef kept = {};  ///< (N, K) u16, with dropout: bit c % 16 of word c / 16: c was kept
    TensorRef y;          ///< (N, W) f32
};

/// Gradients are added to.
struct LayerNormGradArgs {
    TensorRef x, gamma, beta;
    TensorRef row_ptr = {};
    LayerNormOptions options = {};
    TensorRef saved, kept = {};  ///< of forward
    TensorRef dy;                ///< (N, W) f32
    TensorRef dx;                ///< (N, W) f32
    TensorRef dgamma;            ///< (W) f32
    TensorRef dbeta;             ///< (W) f32
    TensorRef dshortcut = {};    ///< (N, W) f32; empty: not wanted
};

void layer_norm_forward(Context& ctx, LayerNormArgs const& args);
void layer_norm_backward(Context& ctx, LayerNormGradArgs const& args);

namespace cpu {
void layer_norm_forward(Context& ctx, LayerNormArgs const& args);
void layer_norm_backward(Context& ctx, LayerNormGradArgs const& args);
}  // namespace cpu
namespace cuda {
void layer_norm_forward(Context& ctx, LayerNormArgs const& args);
void layer_norm_backward(Context& ctx, LayerNormGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
