/// \file kernels/graph/garnet/math.hpp
/// The formulas of garnet.hpp for one number, for both backends.
#pragma once

#include "kernels/graph/garnet.hpp"
#include "kernels/math/float_math.hpp"

namespace calofuse {
CALOFUSE_HD inline float garnet_weight(GarNetKernel kernel, float d)
{
    if (kernel == GarNetKernel::square) return exp_float(-d * d);
    return exp_float(d < 0 ? d : -d);
}

/// dw / dd
CALOFUSE_HD inline float garnet_weight_slope(GarNetKernel kernel, float d, float w)
{
    if (kernel == GarNetKernel::square) return -2 * d * w;
    return d > 0 ? -w : d < 0 ? w : 0.0F;
}

/// 1 / n
CALOFUSE_HD inline float garnet_mean_scale(GarNetOptions const& options, std::int64_t nodes)
{
    return 1 / static_cast<float>(options.mean == GarNetMean::count ? nodes : options.padded_nodes);
}

/// Extents of the tensors of collect.
struct GarNetShape {
    std::int64_t features, aggregators;
    bool full;

    CALOFUSE_HD std::int64_t collected() const { return features + aggregators; }
    /// Of agg.
    CALOFUSE_HD std::int64_t width() const { return full ? 2 * collected() : features; }
    /// Column of agg where the means start.
    CALOFUSE_HD std::int64_t mean_column() const { return full ? collected() : 0; }
};
inline GarNetShape garnet_shape(TensorRef const& f,
                                TensorRef const& d,
                                GarNetOptions const& options)
{
    return {f.shape[1], d.shape[1], options.form == GarNetForm::full};
}
}  // namespace calofuse
