/// \file kernels/focalh/unpack.hpp
/// A batch of raw events gathered from resident ADC words, in cell order, scaled for a network.
///   e = rows[b], c = channels[k], s = adc[e, c] - pedestal[c]
///   x[b, k] = asinh(s / asinh_scale) | log1p(adc[e, c]) | adc[e, c]
///   total[b] = (sum_k s - mean) * scale, the standardised energy sum, in double
/// A negative row is padding: x = 0, total = 0.
#pragma once

#include <array>

#include "runtime/context.hpp"
#include "runtime/names.hpp"

namespace calofuse {
enum class InputScale : std::uint8_t { asinh, log1p, raw };
constexpr auto names_of(InputScale)
{
    return std::to_array<Name<InputScale>>({
        {InputScale::asinh, "asinh"},
        {InputScale::log1p, "log1p"},
        {InputScale::raw, "raw"},
    });
}

struct UnpackArgs {
    TensorRef adc;       ///< (N, 256) u16  all events
    TensorRef rows;      ///< (B)      i32  event of each row of the batch, below N
    TensorRef channels;  ///< (K)      i32  channel of each cell (K = 249 in cell order)
    TensorRef pedestal;  ///< (256)    f32  ADC counts
    InputScale scale = InputScale::asinh;
    float asinh_scale = 20.0F;  ///< ADC counts, > 0
    /// (6) f32 mean of the energy sum [ADC counts] and 1 / its standard deviation, each a double as the
    /// exact sum of three floats (split_double), because states of a model are f32; empty: 0 and 1.
    TensorRef energy = {};
    TensorRef x;      ///< (B, K) f32
    TensorRef total;  ///< (B)    f32
};

void unpack(Context& ctx, UnpackArgs const& args);

/// Three floats whose sum is `value`, exactly.
std::array<float, 3> split_double(double value);

namespace cpu {
void unpack(Context& ctx, UnpackArgs const& args);
}  // namespace cpu
namespace cuda {
void unpack(Context& ctx, UnpackArgs const& args);
}  // namespace cuda
}  // namespace calofuse
