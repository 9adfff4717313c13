/// \file kernels/loss/bce_probability/math.hpp
/// The formulas of bce_probability.hpp for one event, in double, for both backends.
#pragma once

#include <cmath>

#include "kernels/loss/bce_probability.hpp"
#include "kernels/loss/events/events.hpp"

namespace calofuse {
struct BceProbabilityEvents : LossEvents {
    float const *x, *target;
    double clip;

    /// Of BceProbabilityArgs or BceProbabilityGradArgs.
    template <class Args>
    explicit BceProbabilityEvents(Args const& args)
        : LossEvents(args)
        , x(args.x.template flat<float const>().data)
        , target(args.target.template flat<float const>().data)
        , clip(args.clip)
    {}

    CALOFUSE_HD double loss(std::int64_t i) const
    {
        auto const value = static_cast<double>(x[i]), t = static_cast<double>(target[i]);
        double const above = value < clip ? clip : value;
        double const q = 1 - clip < above ? 1 - clip : above;
        return -weight_of(i) * (t * std::log(q) + (1 - t) * std::log1p(-q));
    }
    /// d loss / d x
    CALOFUSE_HD double slope(std::int64_t i) const
    {
        auto const value = static_cast<double>(x[i]), t = static_cast<double>(target[i]);
        if (value < clip || value > 1 - clip) return 0;
        return weight_of(i) * (value - t) / (value * (1 - value));
    }
};
}  // namespace calofuse
