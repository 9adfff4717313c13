/// \file kernels/loss/regression/math.hpp
/// The formulas of regression.hpp for one value, in double, for both backends.
#pragma once

#include <cmath>

#include "kernels/loss/regression.hpp"

namespace calofuse {
struct RegressionValues {
    float const *x, *target;
    float const* weight;  ///< of an event; null: 1
    std::int64_t count, width;
    Residual kind;
    double delta;
    double share;  ///< 1 / what the reduction divides by

    /// Of RegressionLossArgs or RegressionLossGradArgs.
    template <class Args>
    explicit RegressionValues(Args const& args)
        : x(args.x.template flat<float const>().data)
        , target(args.target.template flat<float const>().data)
        , weight(args.weight.template flat<float const>().data)
        , count(args.x.size())
        , width(args.x.shape[1])
        , kind(args.kind)
        , delta(static_cast<double>(args.delta))
        , share(args.reduction == Reduction::mean && count > 1 ? 1 / static_cast<double>(count)
                                                               : 1.0)
    {}

    CALOFUSE_HD double loss(std::int64_t i) const
    {
        double const e = std::abs(residual(i));
        if (kind == Residual::squared) return factor(i) * (e * e);
        return factor(i) * (e <= delta ? e * e / 2 : delta * (e - delta / 2));
    }
    /// d loss / d x
    CALOFUSE_HD double slope(std::int64_t i) const
    {
        double const e = residual(i);
        if (kind == Residual::squared) return factor(i) * (2 * e);
        return factor(i) * (e < -delta ? -delta : e > delta ? delta : e);
    }

  private:
    CALOFUSE_HD double residual(std::int64_t i) const
    {
        return static_cast<double>(x[i]) - static_cast<double>(target[i]);
    }
    CALOFUSE_HD double factor(std::int64_t i) const
    {
        return share * (weight == nullptr ? 1.0 : static_cast<double>(weight[i / width]));
    }
};
}  // namespace calofuse
