/// \file kernels/loss/bce/math.hpp
/// The formulas of bce.hpp for one event, in double, for both backends.
#pragma once

#include <cmath>

#include "kernels/loss/bce.hpp"
#include "kernels/loss/events/events.hpp"

namespace calofuse {
struct BceEvents : LossEvents {
    float const *x, *target;
    double pos_weight, smoothing;

    /// Of BceArgs or BceGradArgs.
    template <class Args>
    explicit BceEvents(Args const& args)
        : LossEvents(args)
        , x(args.x.template flat<float const>().data)
        , target(args.target.template flat<float const>().data)
        , pos_weight(static_cast<double>(args.pos_weight))
        , smoothing(static_cast<double>(args.label_smoothing))
    {}

    CALOFUSE_HD double loss(std::int64_t i) const
    {
        auto const z = static_cast<double>(x[i]);
        double const softplus = (z < 0 ? -z : 0.0) + std::log1p(std::exp(-std::abs(z)));
        return weight_of(i) * (linear(i) * z + curved(i) * softplus);
    }
    /// d loss / d x
    CALOFUSE_HD double slope(std::int64_t i) const
    {
        auto const z = static_cast<double>(x[i]);
        double const small = std::exp(-std::abs(z));
        double const sigmoid_of_minus_z = (z > 0 ? small : 1.0) / (1.0 + small);
        return weight_of(i) * (linear(i) - curved(i) * sigmoid_of_minus_z);
    }

  private:
    /// t'
    CALOFUSE_HD double smoothed(std::int64_t i) const
    {
        return static_cast<double>(target[i]) * (1 - smoothing) + smoothing / 2;
    }
    /// Coefficients of z and of log(1 + exp(-z)).
    CALOFUSE_HD double linear(std::int64_t i) const { return 1 - smoothed(i); }
    CALOFUSE_HD double curved(std::int64_t i) const { return 1 + (pos_weight - 1) * smoothed(i); }
};
}  // namespace calofuse
