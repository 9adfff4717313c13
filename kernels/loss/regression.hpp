/// \file kernels/loss/regression.hpp
/// Losses of predicted values x with target t, e = x - t:
///   squared  e^2
///   huber    e^2 / 2 for |e| <= d, else d (|e| - d / 2), d = `delta`
///   quantile max(-q e, (1 - q) e) for each of the Q quantiles q (pinball loss, Koenker 1978)
/// none: w[n] (average of l[n, :]) of each event; mean: their sum / N (keras; without weights torch's
/// too); sum: sum_n w[n] (sum of l[n, :]) (torch).
#pragma once

#include "kernels/loss/reduction.hpp"
#include "runtime/context.hpp"

namespace calofuse {
enum class Residual : std::uint8_t { squared, huber, quantile };

/// Probabilities in (0, 1), at most 16; the predicted quantiles of a value lie side by side.
struct Quantiles {
    static constexpr std::int64_t kMost = 16;
    float q[kMost] = {};
    std::int64_t count = 0;
};

struct RegressionLossArgs {
    TensorRef x;               ///< (N, D) f32, predicted; quantile: (N, D Q)
    TensorRef target;          ///< (N, D) f32
    TensorRef weight = {};     ///< N elements, f32; empty: 1
    TensorRef num_valid = {};  ///< (1) i64; empty: N. Later events are padding: loss 0
    Residual kind = Residual::squared;
    Reduction reduction = Reduction::mean;
    float delta = 1;           ///< of huber, > 0
    Quantiles quantiles = {};  ///< of quantile, at least one
    TensorRef loss;            ///< (1) f32; reduction none: N elements
};

/// dx += dloss dl/dx; where a quantile is hit exactly its slope is 0.
struct RegressionLossGradArgs {
    TensorRef x, target;                    ///< of forward
    TensorRef weight = {}, num_valid = {};  ///< of forward
    Residual kind = Residual::squared;
    Reduction reduction = Reduction::mean;
    float delta = 1;
    Quantiles quantiles = {};
    TensorRef dloss = {};  ///< as loss of forward; empty: 1
    TensorRef dx;          ///< as x, added to
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
