/// \file kernels/loss/elementwise.hpp
/// Losses of single values x with target t, averaged over the D values of an event:
///   squared (x - t)^2
///   huber   e^2 / 2 for |e| <= d, else d (|e| - d / 2), e = x - t, d = `delta`
///   bce_probability  -t log(x) - (1 - t) log(1 - x), x clipped to [1e-7, 1 - 1e-7] (keras)
/// mean: sum_n w[n] (average of l[n, :]) / N (keras; without weights torch's too);
/// sum: sum_n w[n] (sum of l[n, :]) (torch).
#pragma once

#include "kernels/common/reduction.hpp"
#include "runtime/context.hpp"

namespace calofuse {
enum class ElementLoss : std::uint8_t { squared, huber, bce_probability };

struct ElementwiseLossArgs {
    TensorRef x;            ///< (N, D) f32, predicted values or probabilities
    TensorRef target;       ///< (N, D) f32
    TensorRef weight = {};  ///< (N) f32; empty: 1
    ElementLoss kind = ElementLoss::squared;
    Reduction reduction = Reduction::mean;  ///< mean or sum
    float delta = 1;                        ///< of huber, > 0
    TensorRef loss;                         ///< (1) f32
};

/// dx += dloss dl/dx; 0 where a probability is clipped.
struct ElementwiseLossGradArgs {
    TensorRef x, target;    ///< of forward
    TensorRef weight = {};  ///< of forward
    ElementLoss kind = ElementLoss::squared;
    Reduction reduction = Reduction::mean;
    float delta = 1;
    TensorRef dloss = {};  ///< (1) f32; empty: 1
    TensorRef dx;          ///< (N, D) f32, added to
};

void elementwise_loss_forward(Context& ctx, ElementwiseLossArgs const& args);
void elementwise_loss_backward(Context& ctx, ElementwiseLossGradArgs const& args);
namespace cpu {
void elementwise_loss_forward(Context& ctx, ElementwiseLossArgs const& args);
void elementwise_loss_backward(Context& ctx, ElementwiseLossGradArgs const& args);
}  // namespace cpu
}  // namespace calofuse
