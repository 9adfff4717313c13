/// \file kernels/focalh/pedestal.hpp
/// Energies of cells: raw ADC words of a batch of events minus their pedestals, in cell order.
///   c = channels[k]:  a[b, k] = max(0, adc[rows[b], c] - pedestal[c])
/// A negative row is padding: a = 0. A NaN pedestal gives a = 0.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
struct PedestalArgs {
    TensorRef adc;       ///< (N, 256) u16  all events
    TensorRef rows;      ///< (B)      i32  event of each row of the batch, below N
    TensorRef channels;  ///< (K)      i32  channel of each cell, K <= 256
    TensorRef pedestal;  ///< (256)    f32  ADC
    TensorRef a;         ///< (B, K)   f32  ADC
};

void subtract_pedestal(Context& ctx, PedestalArgs const& args);

namespace cpu {
void subtract_pedestal(Context& ctx, PedestalArgs const& args);
}  // namespace cpu
namespace cuda {
void subtract_pedestal(Context& ctx, PedestalArgs const& args);
}  // namespace cuda
}  // namespace calofuse
