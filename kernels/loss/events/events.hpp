/// \file kernels/loss/events/events.hpp
/// What all losses share: which events count, what they weigh, what a reduction divides by.
#pragma once

#include "kernels/check.hpp"
#include "kernels/loss/reduction.hpp"

namespace calofuse {
struct LossEvents {
    float const* weight;            ///< (N); null: 1
    std::int64_t const* num_valid;  ///< (1); null: all
    std::int64_t events;            ///< N
    Reduction reduction;

    /// Of the arguments of a loss or of its gradient.
    template <class Args>
    explicit LossEvents(Args const& args)
        : weight(args.weight.template flat<float const>().data)
        , num_valid(static_cast<std::int64_t const*>(args.num_valid.data))
        , events(args.x.shape[0])
        , reduction(args.reduction)
    {}

    /// Events that are no padding: the first ones.
    CALOFUSE_HD std::int64_t valid() const
    {
        if (num_valid == nullptr) return events;
        std::int64_t const n = num_valid[0] < events ? num_valid[0] : events;
        return n < 0 ? 0 : n;
    }
    /// What the sum of all losses is divided by.
    CALOFUSE_HD double over() const
    {
        std::int64_t const n = valid();
        return reduction == Reduction::mean && n > 1 ? static_cast<double>(n) : 1.0;
    }
    CALOFUSE_HD double weight_of(std::int64_t n) const
    {
        return weight == nullptr ? 1.0 : static_cast<double>(weight[n]);
    }
    /// Gradient of what was made of the loss of event n; `dloss` may be null: 1.
    CALOFUSE_HD double outer(float const* dloss, std::int64_t n) const
    {
        if (dloss == nullptr) return 1.0;
        return static_cast<double>(dloss[reduction == Reduction::none ? n : 0]);
    }
};

/// Throws unless `t` has this type and number of elements, in whatever shape: (N) or (N, 1).
inline void check_elements(TensorRef const& t, DType dtype, std::int64_t count, char const* name)
{
    CALOFUSE_CHECK(
        t.dtype == dtype && t.size() == count && (count == 0 || !t.empty()),
        name << " is " << t.describe() << ", wanted " << count << " elements " << name_of(dtype));
}

/// Checks of `weight` and `num_valid`.
template <class Args>
void check_events(Args const& args)
{
    if (!args.weight.empty()) check_elements(args.weight, DType::f32, args.x.shape[0], "weight");
    if (!args.num_valid.empty()) check_tensor(args.num_valid, DType::i64, {1}, "num_valid");
}

/// Checks of `loss` or `dloss`: one number, or one per event.
template <class Args>
void check_losses(Args const& args, TensorRef const& losses, char const* name)
{
    bool const each = args.reduction == Reduction::none;
    check_elements(losses, DType::f32, each ? args.x.shape[0] : 1, name);
}

/// Checks of what a gradient has besides the arguments of its loss.
template <class GradArgs>
void check_gradient(GradArgs const& args)
{
    if (!args.dloss.empty()) check_losses(args, args.dloss, "dloss");
    check_like(args.dx, args.x, "dx", "x");
}
}  // namespace calofuse
