/// \file kernels/loss/regression.hpp
/// Losses of predicted values x with target t, averaged over the D values of an event:
///   squared (x - t)^2
///   huber   e^2 / 2 for |e| <= d, else d (|e| - d / 2), e = x - t, d = `delta`
/// mean: sum_n w[n] (average of l[n, :]) / N (keras; without weights torch's too);
/// sum: sum_n w[n] (sum of l[n, :]) (torch).
#pragma once

#include "kernels/loss/reduction.hpp"
#include "runtime/context.hpp"

namespace calofuse {
enum class Residual : std::uint8_t { squared, huber };

struct RegressionLossArgs {
    TensorRef x;            ///< (N, D) f32, predicted
    TensorRef target;       ///< (N, D) f32
    TensorRef weight = {};  ///< (N) f32; empty: 1
    Residual kind = Residual::squared;
    Reduction reduction = Reduction::mean;  ///< mean or sum
    float delta = 1;                        ///< of huber, > 0
    TensorRef loss;                         ///< (1) f32
};

/// dx += dloss dl/dx.
struct RegressionLossGradArgs {
    TensorRef x, target;    ///< of forward
    TensorRef weight = {};  ///< of forward
    Residual kind = Residual::squared;
    Reduction reduction = Reduction::mean;
    float delta = 1;
    TensorRef dloss = {};  ///< (1) f32; empty: 1
    TensorRef dx;          ///< (N, D) f32, added to
};

void regression_loss_forward(Context& ctx, RegressionLossArgs const& args);
void regression_loss_backward(Context& ctx, RegressionLossGradArgs const& args);
namespace cpu {
void regression_loss_forward(Context& ctx, RegressionLossArgs const& args);
void regression_loss_backward(Context& ctx, RegressionLossGradArgs const& args);
}  // namespace cpu
namespace cuda {
void regression_loss_forward(Context& ctx, RegressionLossArgs const& args);
void regression_loss_backward(Context& ctx, RegressionLossGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
