/// \file kernels/loss/gce/math.hpp
/// The formulas of gce.hpp for one event, in double, for both backends.
#pragma once

#include <cmath>

#include "kernels/loss/events/events.hpp"
#include "kernels/loss/gce.hpp"

namespace calofuse {
struct GceEvents : LossEvents {
    float const* x;
    std::int32_t const* target;
    std::int64_t classes;
    double q;

    /// Of GceArgs or GceGradArgs.
    template <class Args>
    explicit GceEvents(Args const& args)
        : LossEvents(args)
        , x(args.x.template flat<float const>().data)
        , target(args.target.template flat<std::int32_t const>().data)
        , classes(args.x.shape[1])
        , q(static_cast<double>(args.q))
    {}

    class Event {
      public:
        CALOFUSE_HD Event(GceEvents const& all, std::int64_t n)
            : classes_(all.classes)
            , target_(all.target[n])
            , z_(all.x + n * all.classes)
            , weight_(all.weight_of(n))
            , q_(all.q)
        {
            float top = z_[0];
            for (std::int64_t c = 1; c < classes_; ++c)
                top = z_[c] > top ? z_[c] : top;
            auto const highest = static_cast<double>(top);
            for (std::int64_t c = 0; c < classes_; ++c)
                log_sum_ += std::exp(static_cast<double>(z_[c]) - highest);
            log_sum_ = std::log(log_sum_) + highest;
        }
        CALOFUSE_HD double loss() const { return -weight_ * std::expm1(q_ * log_p(target_)) / q_; }
        /// d loss / d x[c]
        CALOFUSE_HD double slope(std::int64_t c) const
        {
            std::int64_t const of = classes_ > 1 ? c : 1;  // the one logit is that of class 1
            return weight_ * std::exp(q_ * log_p(target_))
                   * (std::exp(log_p(of)) - (of == target_ ? 1.0 : 0.0));
        }

      private:
        CALOFUSE_HD double log_p(std::int64_t c) const
        {
            auto const z = static_cast<double>(z_[classes_ > 1 ? c : 0]);
            if (classes_ > 1) return z - log_sum_;
            double const away = c == 1 ? -z : z;  // -log(1 + exp(away))
            return -((away > 0 ? away : 0.0) + std::log1p(std::exp(-std::abs(away))));
        }

        std::int64_t classes_, target_;
        float const* z_;
        double weight_, q_;
        double log_sum_ = 0;  ///< log of the sum of exp(z)
    };
    CALOFUSE_HD Event at(std::int64_t n) const { return {*this, n}; }
    CALOFUSE_HD double loss(std::int64_t n) const { return at(n).loss(); }
};
}  // namespace calofuse
