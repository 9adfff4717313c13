/// \file kernels/loss/bce_probability/math.hpp
/// The formulas of bce_probability.hpp for one event, in double, for both backends.
#pragma once

#include <cmath>

#include "kernels/loss/bce_probability.hpp"

namespace calofuse {
struct BceProbabilityEvents {
    float const *p, *target;
    float const* weight;  ///< null: 1
    std::int64_t events;
    double clip;

    /// Of BceProbabilityArgs or BceProbabilityGradArgs.
    template <class Args>
    explicit BceProbabilityEvents(Args const& args)
        : p(args.p.template flat<float const>().data)
        , target(args.target.template flat<float const>().data)
        , weight(args.weight.template flat<float const>().data)
        , events(args.p.size())
        , clip(args.clip)
    {}

    CALOFUSE_HD double divisor() const { return events > 1 ? static_cast<double>(events) : 1.0; }
    CALOFUSE_HD double loss(std::int64_t i) const
    {
        auto const value = static_cast<double>(p[i]), t = static_cast<double>(target[i]);
        double const above = value < clip ? clip : value;
        double const q = 1 - clip < above ? 1 - clip : above;
        return -weight_of(i) * (t * std::log(q) + (1 - t) * std::log1p(-q));
    }
    /// d loss / d p
    CALOFUSE_HD double slope(std::int64_t i) const
    {
        auto const value = static_cast<double>(p[i]), t = static_cast<double>(target[i]);
        if (value < clip || value > 1 - clip) return 0;
        return weight_of(i) * (value - t) / (value * (1 - value));
    }

  private:
    CALOFUSE_HD double weight_of(std::int64_t i) const
    {
        return weight == nullptr ? 1.0 : static_cast<double>(weight[i]);
    }
};
}  // namespace calofuse
