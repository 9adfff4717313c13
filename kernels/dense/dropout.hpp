/// \file kernels/dense/dropout.hpp
/// Dropout: y[i] = kept(i) x[i] / (1 - rate). kept(i) is a pure function of (seed, stream, step, e)
/// (kernels/math/dropout_mask.hpp), so nothing is saved for the backward pass. rate 0 copies.
/// e = i + (elements an event) * step[1]: elements count over the whole batch, so that a batch that
/// is cut into passes drops the same ones.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
struct DropoutArgs {
    TensorRef x;             ///< any shape, f32; its first extent counts events
    TensorRef step;          ///< (2) i64, read when the operator runs: step of the training, number
                             ///< of the first event in its batch
    std::uint64_t seed = 0;  ///< of the run
    std::uint32_t stream = 0;  ///< RandomStream::dropout + number of the layer
    float rate = 0;            ///< in [0, 1): share of elements that become 0
    TensorRef y;               ///< as x; may alias x
};

/// dx[i] += kept(i) dy[i] / (1 - rate)
struct DropoutGradArgs {
    TensorRef dy;    ///< any shape, f32
    TensorRef step;  ///< (2) i64, as in forward
    std::uint64_t seed = 0;
    std::uint32_t stream = 0;
    float rate = 0;
    TensorRef dx;  ///< as dy, added to
};

void dropout_forward(Context& ctx, DropoutArgs const& args);
void dropout_backward(Context& ctx, DropoutGradArgs const& args);
namespace cpu {
void dropout_forward(Context& ctx, DropoutArgs const& args);
void dropout_backward(Context& ctx, DropoutGradArgs const& args);
}  // namespace cpu
namespace cuda {
void dropout_forward(Context& ctx, DropoutArgs const& args);
void dropout_backward(Context& ctx, DropoutGradArgs const& args);
}  // namespace cuda
}  // namespace calofuse
