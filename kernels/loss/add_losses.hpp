/// \file kernels/loss/add_losses.hpp
/// loss = sum_h factor[h] part[h]: the losses of several heads as one, added in order, in double.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
struct LossFactors {
    static constexpr std::int64_t kMost = 16;
    float of[kMost] = {};
};

struct AddLossesArgs {
    TensorRef part;  ///< (H) f32, H <= 16
    LossFactors factor;
    TensorRef loss;  ///< (1) f32
};

/// dpart[h] += dloss factor[h]
struct AddLossesGradArgs {
    LossFactors factor;
    TensorRef dloss = {};  ///< (1) f32; empty: 1
    TensorRef dpart;       ///< (H) f32, added to
};

void add_losses_forward(Context& ctx, AddLossesArgs const& args);
void add_losses_backward(Context& ctx, AddLossesGradArgs const& args);
namespace cpu {
void add_losses_forward(Context& ctx, AddLossesArgs const& args);
void add_losses_backward(Context& ctx, AddLossesGradArgs const& args);
}  // namespace cpu
namespace cuda {
void add_losses_forward(Context& ctx, AddLossesArgs const& args);
void add_losses_backward(Context& ctx, AddLossesGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
