/// \file kernels/loss/cross_entropy/math.hpp
/// The formulas of cross_entropy.hpp for one event, in double, for both backends.
#pragma once

#include <cmath>

#include "kernels/loss/cross_entropy.hpp"
#include "kernels/loss/events/events.hpp"

namespace calofuse {
struct CrossEntropyEvents : LossEvents {
    float const* x;
    std::int32_t const* target;
    float const* class_weight;  ///< null: 1
    std::int64_t classes;
    double hit, miss;                ///< smoothed target of the right class and of another
    double const* summed = nullptr;  ///< sum of the targets' class weights, where it divides

    /// Of CrossEntropyArgs or CrossEntropyGradArgs.
    template <class Args>
    explicit CrossEntropyEvents(Args const& args)
        : LossEvents(args)
        , x(args.x.template flat<float const>().data)
        , target(args.target.template flat<std::int32_t const>().data)
        , class_weight(args.class_weight.template flat<float const>().data)
        , classes(args.x.shape[1])
    {
        auto const s = static_cast<double>(args.label_smoothing);
        auto const count = static_cast<double>(classes);
        bool const uniform = args.smoothing == Smoothing::uniform;
        hit = 1 - s + (uniform ? s / count : 0);
        miss = uniform ? s / count : s / (count - 1);
    }

    /// Whether the loss is divided by `summed`, the sum of class_weight_at(n) over the events.
    CALOFUSE_HD bool sums_class_weights() const
    {
        return reduction == Reduction::mean && class_weight != nullptr;
    }
    /// What the sum of all losses is divided by; 1 where no event has a weight.
    CALOFUSE_HD double over() const
    {
        if (summed == nullptr) return LossEvents::over();
        return *summed > 0 ? *summed : 1.0;
    }
    CALOFUSE_HD double class_weight_of(std::int64_t c) const
    {
        return class_weight == nullptr ? 1.0 : static_cast<double>(class_weight[c]);
    }

    class Event {
      public:
        CALOFUSE_HD Event(CrossEntropyEvents const& all, std::int64_t n)
            : all_(all)
            , target_(all.target[n])
            , z_(all.x + n * all.classes)
            , weight_(all.weight_of(n))
        {
            float top = z_[0];
            for (std::int64_t c = 1; c < all.classes; ++c)
                top = z_[c] > top ? z_[c] : top;
            highest_ = static_cast<double>(top);
            double sum = 0;
            for (std::int64_t c = 0; c < all.classes; ++c)
                sum += std::exp(static_cast<double>(z_[c]) - highest_);
            log_sum_ = std::log(sum);
        }
        CALOFUSE_HD double loss() const
        {
            double sum = 0;
            for (std::int64_t c = 0; c < all_.classes; ++c) {
                double const a = share(c);
                if (a != 0) sum -= a * log_p(c);
            }
            return weight_ * sum;
        }
        /// sum_c a[c]
        CALOFUSE_HD double all_shares() const
        {
            double sum = 0;
            for (std::int64_t c = 0; c < all_.classes; ++c)
                sum += share(c);
            return sum;
        }
        /// d loss / d x[c]; all = all_shares()
        CALOFUSE_HD double slope(std::int64_t c, double all) const
        {
            return weight_ * (all * std::exp(log_p(c)) - share(c));
        }

      private:
        CALOFUSE_HD double log_p(std::int64_t c) const
        {
            return static_cast<double>(z_[c]) - highest_ - log_sum_;
        }
        /// a[c]
        CALOFUSE_HD double share(std::int64_t c) const
        {
            return all_.class_weight_of(c) * (c == target_ ? all_.hit : all_.miss);
        }

        CrossEntropyEvents const& all_;
        std::int64_t target_;
        float const* z_;
        double weight_;
        double highest_ = 0, log_sum_ = 0;
    };
    CALOFUSE_HD Event at(std::int64_t n) const { return {*this, n}; }
    CALOFUSE_HD double loss(std::int64_t n) const { return at(n).loss(); }
    CALOFUSE_HD double class_weight_at(std::int64_t n) const { return class_weight_of(target[n]); }
};
}  // namespace calofuse
