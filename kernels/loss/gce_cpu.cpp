#include <algorithm>
#include <cmath>

#include "kernels/common/ordered_sum.hpp"
#include "kernels/loss/gce.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kRows = 64;  // of one work item

/// log(1 + exp(-z))
double softplus_of_minus(double z)
{
    return std::max(-z, 0.0) + std::log1p(std::exp(-std::abs(z)));
}

template <class Args>
struct Event {
    std::int64_t classes, target;
    float const* z;
    double weight, log_sum = 0;  ///< log_sum: log of the sum of exp(z)

    Event(Args const& args, std::int64_t n)
        : classes(args.logits.shape[1])
        , target(args.target.template view<std::int32_t const, 1>()[n])
        , z(args.logits.template view<float const, 2>().data + n * classes)
        , weight(args.weight.empty()
                     ? 1.0
                     : static_cast<double>(args.weight.template view<float const, 1>()[n]))
    {
        CALOFUSE_ASSERT(target >= 0 && target < std::max<std::int64_t>(classes, 2));
        auto const highest = static_cast<double>(*std::max_element(z, z + classes));
        for (std::int64_t c = 0; c < classes; ++c)
            log_sum += std::exp(static_cast<double>(z[c]) - highest);
        log_sum = std::log(log_sum) + highest;
    }
    double log_p(std::int64_t c) const
    {
        if (classes > 1) return static_cast<double>(z[c]) - log_sum;
        return -softplus_of_minus(static_cast<double>(c == 1 ? z[0] : -z[0]));
    }
    double loss(double q) const { return -weight * std::expm1(q * log_p(target)) / q; }
    /// d loss / d z[c]
    double slope(double q, std::int64_t c) const
    {
        std::int64_t const of = classes > 1 ? c : 1;  // the one logit is that of class 1
        return weight * std::exp(q * log_p(target))
               * (std::exp(log_p(of)) - (of == target ? 1.0 : 0.0));
    }
};

template <class Args>
double divisor(Args const& args)
{
    std::int64_t const events = std::max<std::int64_t>(args.logits.shape[0], 1);
    return args.reduction == Reduction::mean ? static_cast<double>(events) : 1.0;
}
}  // namespace

void gce_forward(Context& ctx, GceArgs const& args)
{
    std::int64_t const events = args.logits.shape[0];
    auto const loss = args.loss.view<float, 1>();
    auto const q = static_cast<double>(args.q);
    if (args.reduction == Reduction::none) {
        parallel_chunks(ctx, events, kRows,
                        [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                            for (std::int64_t n = begin; n < end; ++n)
                                loss[n] = static_cast<float>(Event(args, n).loss(q));
                        });
        return;
    }
    double const sum =
        ordered_sum(ctx, events, [&](std::int64_t n) { return Event(args, n).loss(q); });
    loss[0] = static_cast<float>(sum / divisor(args));
}

void gce_backward(Context& ctx, GceGradArgs const& args)
{
    auto const dlogits = args.dlogits.view<float, 2>();
    auto const q = static_cast<double>(args.q);
    bool const each = args.reduction == Reduction::none;
    parallel_chunks(
        ctx, args.logits.shape[0], kRows, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
            for (std::int64_t n = begin; n < end; ++n) {
                Event const event(args, n);
                double const dloss =
                    args.dloss.empty()
                        ? 1.0
                        : static_cast<double>(args.dloss.view<float const, 1>()[each ? n : 0]);
                for (std::int64_t c = 0; c < event.classes; ++c)
                    dlogits(n, c) += static_cast<float>(dloss * event.slope(q, c) / divisor(args));
            }
        });
}
}  // namespace calofuse::cpu
