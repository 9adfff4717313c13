/// \file kernels/focalh/module_cnn.hpp
/// The nine small CNNs of the hybrid, one a module, from cells to pooled features, fused:
///   conv 3x3 'same' (1 -> C), batch norm, leaky ReLU, conv 3x3 'same' (C -> C), batch norm,
///   leaky ReLU, max-pool 2x2 ('valid'), dropout.
/// Keras semantics (NHWC, biased batch variance). A module of side n gives (n/2)^2 C features.
/// The pooled cell is the first largest z2 of its window where gamma2 >= 0, the first smallest where
/// gamma2 < 0, which is what pooling after the norm picks.
#pragma once

#include <array>

#include "runtime/context.hpp"
#include "runtime/focalh/channel_map.hpp"

namespace calofuse {
/// batch: statistics of this batch, written out. given: statistics read (evaluation).
enum class NormMode : std::uint8_t { batch, given };

/// Pooled cells of the modules before `module`; 41 in all: features of module m are columns
/// C * pooled_begin(m) .. C * pooled_begin(m + 1) - 1 of y, ordered (row, col, channel).
constexpr int module_pooled_begin(int module)
{
    return 4 * module + (module > kCentreModule ? 5 : 0);
}
inline constexpr int kNumPooledCells = module_pooled_begin(kNumModules);
static_assert(kNumPooledCells == 41);

/// Channels of the saved tensors: C rounded up to whole vectors.
constexpr std::int64_t module_cnn_saved_channels(std::int64_t channels)
{
    return (channels + 15) / 16 * 16;
}

/// Weights of S sets; modules that name the same set share its weights and its statistics.
struct ModuleCnnWeights {
    TensorRef w1;      ///< (S, 9, C)    f32  tap (row-major), output
    TensorRef b1;      ///< (S, C)       f32
    TensorRef gamma1;  ///< (S, C)       f32
    TensorRef beta1;   ///< (S, C)       f32
    TensorRef w2;      ///< (S, 9, C, C) f32  tap, input, output
    TensorRef b2;      ///< (S, C)       f32
    TensorRef gamma2;  ///< (S, C)       f32
    TensorRef beta2;   ///< (S, C)       f32
};

/// Statistics of both norms, of the values with their biases.
struct ModuleCnnStats {
    TensorRef mean1;  ///< (S, C) f32
    TensorRef var1;   ///< (S, C) f32  biased
    TensorRef mean2;  ///< (S, C) f32
    TensorRef var2;   ///< (S, C) f32  biased
};

/// What backward needs of a training pass; the order of the elements is the backend's own.
struct ModuleCnnSaved {
    TensorRef z2;      ///< (B, 249, C') f32, C' = module_cnn_saved_channels(C)
    TensorRef pooled;  ///< (B, 41, C')  f32  z2 at the pooled cells
    TensorRef choice;  ///< (B, 41, C')  u8   which of the four cells; whether dropout keeps it
};

struct ModuleCnnOptions {
    std::array<std::int32_t, kNumModules> set_of_module = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    float eps = 1e-3F;
    float slope = 0.3F;         ///< of both leaky ReLUs, in [0, 1]
    float dropout_rate = 0.0F;  ///< in [0, 1); 0: none
    std::uint64_t seed = 0;     ///< mask: as dense/dropout, of y
    std::uint32_t stream = 0;
};

struct ModuleCnnArgs {
    TensorRef x;  ///< (B, 249) f32, cell order
    ModuleCnnWeights weights;
    ModuleCnnOptions options;
    NormMode norm = NormMode::batch;
    TensorRef step;        ///< (2) i64 as dense/dropout; needed where dropout_rate > 0
    ModuleCnnStats stats;  ///< outputs (norm = batch) or inputs (norm = given)
    TensorRef y;           ///< (B, 41 C) f32
    ModuleCnnSaved saved;  ///< outputs; all empty: no backward will follow
};

/// Of a pass with norm = batch. x is data and gets no gradient; neither do the statistics.
struct ModuleCnnGradArgs {
    TensorRef x;  ///< as in forward, and so are the next four
    ModuleCnnWeights weights;
    ModuleCnnOptions options;
    ModuleCnnStats stats;
    ModuleCnnSaved saved;
    TensorRef dy;        ///< (B, 41 C) f32
    ModuleCnnWeights d;  ///< added to; b1 and b2 get nothing: a norm undoes any shift before it
};

void module_cnn_forward(Context& ctx, ModuleCnnArgs const& args);
void module_cnn_backward(Context& ctx, ModuleCnnGradArgs const& args);

namespace cpu {
void module_cnn_forward(Context& ctx, ModuleCnnArgs const& args);
void module_cnn_backward(Context& ctx, ModuleCnnGradArgs const& args);
}  // namespace cpu
namespace cuda {
void module_cnn_forward(Context& ctx, ModuleCnnArgs const& args);
void module_cnn_backward(Context& ctx, ModuleCnnGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
