/// \file kernels/focalh/unpack.hpp
/// A batch of raw events gathered from resident ADC words, in cell order, scaled for a network.
///   e = rows[b], c = channels[k], s = adc[e, c] - pedestal[c]
///   x[b, k] = asinh(s / asinh_scale) | log1p(adc[e, c]) | adc[e, c]
///   total[b] = (sum_k s - energy_mean) * energy_scale, the standardised energy sum, in double
/// A negative row is padding: x = 0, total = 0.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
enum class InputScale : std::uint8_t { asinh, log1p, raw };

struct UnpackArgs {
    TensorRef adc;       ///< (N, 256) u16  all events
    TensorRef rows;      ///< (B)      i32  event of each row of the batch, below N
    TensorRef channels;  ///< (K)      i32  channel of each cell (K = 249 in cell order)
    TensorRef pedestal;  ///< (256)    f32  ADC counts
    InputScale scale = InputScale::asinh;
    float asinh_scale = 20.0F;  ///< ADC counts, > 0
    double energy_mean = 0.0;   ///< ADC counts
    double energy_scale = 1.0;  ///< 1 / standard deviation
    TensorRef x;                ///< (B, K) f32
    TensorRef total;            ///< (B)    f32
};

void unpack(Context& ctx, UnpackArgs const& args);

namespace cpu {
void unpack(Context& ctx, UnpackArgs const& args);
}  // namespace cpu
namespace cuda {
void unpack(Context& ctx, UnpackArgs const& args);
}  // namespace cuda
}  // namespace calofuse
