#include <algorithm>
#include <cmath>

#include "kernels/common/ordered_sum.hpp"
#include "kernels/loss/cross_entropy.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kRows = 64;  // of one work item

/// One event with what its loss is made of.
template <class Args>
struct Event {
    Args const& args;
    std::int64_t n, classes, target;
    float const* z;
    double highest, log_sum;

    Event(Args const& a, std::int64_t event)
        : args(a)
        , n(event)
        , classes(a.logits.shape[1])
        , target(a.target.template view<std::int32_t const, 1>()[event])
        , z(a.logits.template view<float const, 2>().data + event * classes)
        , highest(static_cast<double>(*std::max_element(z, z + classes)))
    {
        CALOFUSE_ASSERT(target >= 0 && target < classes);
        double sum = 0;
        for (std::int64_t c = 0; c < classes; ++c)
            sum += std::exp(static_cast<double>(z[c]) - highest);
        log_sum = std::log(sum);
    }
    double log_p(std::int64_t c) const { return static_cast<double>(z[c]) - highest - log_sum; }
    double class_weight(std::int64_t c) const
    {
        if (args.class_weight.empty()) return 1;
        return static_cast<double>(args.class_weight.template view<float const, 1>()[c]);
    }
    double weight() const
    {
        return args.weight.empty()
                   ? 1.0
                   : static_cast<double>(args.weight.template view<float const, 1>()[n]);
    }
    /// a[c]
    double share(std::int64_t c) const
    {
        auto const s = static_cast<double>(args.label_smoothing);
        auto const count = static_cast<double>(classes);
        bool const hit = c == target;
        double const q = args.smoothing == Smoothing::uniform ? (hit ? 1 - s : 0) + s / count
                         : hit                                ? 1 - s
                                                              : s / (count - 1);
        return class_weight(c) * q;
    }
    double loss() const
    {
        double sum = 0;
        for (std::int64_t c = 0; c < classes; ++c) {
            double const a = share(c);
            if (a != 0) sum -= a * log_p(c);
        }
        return weight() * sum;
    }
};

template <class Args>
double divisor(Context& ctx, Args const& args)
{
    std::int64_t const events = args.logits.shape[0];
    if (args.reduction != Reduction::mean || events == 0) return 1;
    if (args.class_weight.empty()) return static_cast<double>(events);
    auto const class_weight = args.class_weight.template view<float const, 1>();
    auto const target = args.target.template view<std::int32_t const, 1>();
    return ordered_sum(
        ctx, events, [&](std::int64_t n) { return static_cast<double>(class_weight[target[n]]); });
}
}  // namespace

void cross_entropy_forward(Context& ctx, CrossEntropyArgs const& args)
{
    std::int64_t const events = args.logits.shape[0];
    auto const loss = args.loss.view<float, 1>();
    if (args.reduction == Reduction::none) {
        parallel_chunks(ctx, events, kRows,
                        [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                            for (std::int64_t n = begin; n < end; ++n)
                                loss[n] = static_cast<float>(Event(args, n).loss());
                        });
        return;
    }
    double const sum =
        ordered_sum(ctx, events, [&](std::int64_t n) { return Event(args, n).loss(); });
    loss[0] = static_cast<float>(sum / divisor(ctx, args));
}

void cross_entropy_backward(Context& ctx, CrossEntropyGradArgs const& args)
{
    auto const dlogits = args.dlogits.view<float, 2>();
    double const over = divisor(ctx, args);
    bool const each = args.reduction == Reduction::none;
    parallel_chunks(
        ctx, args.logits.shape[0], kRows, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
            for (std::int64_t n = begin; n < end; ++n) {
                Event const event(args, n);
                double const dloss =
                    args.dloss.empty()
                        ? 1.0
                        : static_cast<double>(args.dloss.view<float const, 1>()[each ? n : 0]);
                double const factor = dloss * event.weight() / over;
                double all = 0;
                for (std::int64_t c = 0; c < event.classes; ++c)
                    all += event.share(c);
                for (std::int64_t c = 0; c < event.classes; ++c)
                    dlogits(n, c) += static_cast<float>(
                        factor * (all * std::exp(event.log_p(c)) - event.share(c)));
            }
        });
}
}  // namespace calofuse::cpu
