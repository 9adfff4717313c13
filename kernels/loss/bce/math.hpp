/// \file kernels/loss/bce/math.hpp
/// The formulas of bce.hpp for one event, in double, for both backends.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/loss/bce.hpp"

namespace calofuse {
struct BceEvents {
    float const *logits, *target;
    float const* weight;            ///< null: 1
    std::int64_t const* num_valid;  ///< null: all
    std::int64_t events;
    bool mean;
    double pos_weight, smoothing;

    /// Of BceArgs or BceGradArgs.
    template <class Args>
    explicit BceEvents(Args const& args)
        : logits(args.logits.template flat<float const>().data)
        , target(args.target.template flat<float const>().data)
        , weight(args.weight.template flat<float const>().data)
        , num_valid(static_cast<std::int64_t const*>(args.num_valid.data))
        , events(args.logits.size())
        , mean(args.reduction == Reduction::mean)
        , pos_weight(static_cast<double>(args.pos_weight))
        , smoothing(static_cast<double>(args.label_smoothing))
    {}

    CALOFUSE_HD std::int64_t valid() const
    {
        if (num_valid == nullptr) return events;
        std::int64_t const n = num_valid[0] < events ? num_valid[0] : events;
        return n < 0 ? 0 : n;
    }
    CALOFUSE_HD double divisor() const
    {
        std::int64_t const n = valid();
        return mean && n > 1 ? static_cast<double>(n) : 1.0;
    }
    CALOFUSE_HD double loss(std::int64_t i) const
    {
        auto const z = static_cast<double>(logits[i]);
        double const softplus = (z < 0 ? -z : 0.0) + std::log1p(std::exp(-std::abs(z)));
        return weight_of(i) * (linear(i) * z + curved(i) * softplus);
    }
    /// d loss / d logit
    CALOFUSE_HD double slope(std::int64_t i) const
    {
        auto const z = static_cast<double>(logits[i]);
        double const small = std::exp(-std::abs(z));
        double const sigmoid_of_minus_z = (z > 0 ? small : 1.0) / (1.0 + small);
        return weight_of(i) * (linear(i) - curved(i) * sigmoid_of_minus_z);
    }

  private:
    CALOFUSE_HD double weight_of(std::int64_t i) const
    {
        return weight == nullptr ? 1.0 : static_cast<double>(weight[i]);
    }
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
