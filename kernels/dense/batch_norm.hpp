/// \file kernels/dense/batch_norm.hpp
/// Batch normalisation (Ioffe and Szegedy, 2015) of each channel over all rows:
///   y[n, c] = gamma[c] (x[n, c] - mean[c]) / sqrt(variance[c] + epsilon) + beta[c]
/// mean and variance (biased, sum of squares / N) are those of the batch, or given ones.
/// Images (B, H, W, C) come as rows: x.reshaped({B * H * W, C}).
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
enum class Statistics : std::uint8_t {
    batch,  ///< computed from x; the gradient flows through them
    given   ///< constants
};

struct BatchNormArgs {
    TensorRef x;      ///< (N, C) f32
    TensorRef gamma;  ///< (C) f32
    TensorRef beta;   ///< (C) f32
    Statistics statistics = Statistics::batch;
    float epsilon = 1e-3F;  ///< keras 1e-3, torch 1e-5
    TensorRef mean;         ///< (C) f32: written in mode batch (0 for N = 0), read in mode given
    TensorRef variance;     ///< (C) f32: as mean; a constant channel has exactly 0
    TensorRef y;            ///< (N, C) f32; may alias x where no backward follows
};

/// With r = 1 / sqrt(variance + epsilon), h = (x - mean) r:
///   dgamma += sum_n dy h,  dbeta += sum_n dy
///   dx     += gamma r dy                                         (given)
///   dx     += gamma r (dy - average(dy) - h average(dy h))       (batch)
struct BatchNormGradArgs {
    TensorRef x;         ///< (N, C) f32, of forward
    TensorRef gamma;     ///< (C) f32
    TensorRef mean;      ///< (C) f32, of forward
    TensorRef variance;  ///< (C) f32, of forward
    TensorRef dy;        ///< (N, C) f32
    Statistics statistics = Statistics::batch;
    float epsilon = 1e-3F;
    TensorRef dx = {};  ///< (N, C) f32, added to; empty: not wanted
    TensorRef dgamma;   ///< (C) f32, added to
    TensorRef dbeta;    ///< (C) f32, added to
};

void batch_norm_forward(Context& ctx, BatchNormArgs const& args);
void batch_norm_backward(Context& ctx, BatchNormGradArgs const& args);
namespace cpu {
void batch_norm_forward(Context& ctx, BatchNormArgs const& args);
void batch_norm_backward(Context& ctx, BatchNormGradArgs const& args);
}  // namespace cpu
namespace cuda {
void batch_norm_forward(Context& ctx, BatchNormArgs const& args);
void batch_norm_backward(Context& ctx, BatchNormGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
