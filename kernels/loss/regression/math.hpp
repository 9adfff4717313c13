/// \file kernels/loss/regression/math.hpp
/// The formulas of regression.hpp for one event and one value of x, in double, for both backends.
#pragma once

#include <cmath>

#include "kernels/loss/events/events.hpp"
#include "kernels/loss/regression.hpp"

namespace calofuse {
struct RegressionEvents : LossEvents {
    float const *x, *target;
    std::int64_t width;  ///< of x
    std::int64_t each;   ///< values of x for one of the target: quantiles, or 1
    Residual kind;
    double delta;
    Quantiles quantiles;

    /// Of RegressionLossArgs or RegressionLossGradArgs.
    template <class Args>
    explicit RegressionEvents(Args const& args)
        : LossEvents(args)
        , x(args.x.template flat<float const>().data)
        , target(args.target.template flat<float const>().data)
        , width(args.x.shape[1])
        , each(args.kind == Residual::quantile ? args.quantiles.count : 1)
        , kind(args.kind)
        , delta(static_cast<double>(args.delta))
        , quantiles(args.quantiles)
    {}

    CALOFUSE_HD double loss(std::int64_t n) const
    {
        double sum = 0;
        for (std::int64_t i = n * width; i < (n + 1) * width; ++i)
            sum += loss_of_value(i);
        return weight_of(n) * (sum / averaged());
    }
    /// d loss / d x[i], x as one row
    CALOFUSE_HD double slope(std::int64_t i) const
    {
        return weight_of(i / width) * (slope_of_value(i) / averaged());
    }

  private:
    CALOFUSE_HD double averaged() const
    {
        return reduction == Reduction::sum ? 1.0 : static_cast<double>(width);
    }
    CALOFUSE_HD double loss_of_value(std::int64_t i) const
    {
        double const e = residual(i), size = std::abs(e);
        if (kind == Residual::squared) return e * e;
        if (kind == Residual::quantile) return e < 0 ? -quantile(i) * e : (1 - quantile(i)) * e;
        return size <= delta ? size * size / 2 : delta * (size - delta / 2);
    }
    CALOFUSE_HD double slope_of_value(std::int64_t i) const
    {
        double const e = residual(i);
        if (kind == Residual::squared) return 2 * e;
        if (kind == Residual::quantile) return e < 0 ? -quantile(i) : e > 0 ? 1 - quantile(i) : 0.0;
        return e < -delta ? -delta : e > delta ? delta : e;
    }
    CALOFUSE_HD double quantile(std::int64_t i) const
    {
        return static_cast<double>(quantiles.q[i % each]);
    }
    CALOFUSE_HD double residual(std::int64_t i) const
    {
        return static_cast<double>(x[i]) - static_cast<double>(target[i / each]);
    }
};
}  // namespace calofuse
