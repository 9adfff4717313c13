#include "kernels/loss/cross_entropy/math.hpp"
#include "kernels/math/ordered_sum.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kRows = 64;  // of one work item

CrossEntropyEvents::Event event_at(CrossEntropyEvents const& e, std::int64_t n)
{
    CALOFUSE_ASSERT(e.target[n] >= 0 && e.target[n] < e.classes);
    return e.at(n);
}

double divisor(Context& ctx, CrossEntropyEvents const& e)
{
    if (!e.sums_class_weights()) return e.plain_divisor();
    return ordered_sum(ctx, e.events,
                       [&](std::int64_t n) { return e.class_weight_of(e.target[n]); });
}
}  // namespace

void cross_entropy_forward(Context& ctx, CrossEntropyArgs const& args)
{
    CrossEntropyEvents const e(args);
    auto const loss = args.loss.view<float, 1>();
    if (args.reduction == Reduction::none) {
        parallel_chunks(ctx, e.events, kRows,
                        [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                            for (std::int64_t n = begin; n < end; ++n)
                                loss[n] = static_cast<float>(event_at(e, n).loss());
                        });
        return;
    }
    double const sum =
        ordered_sum(ctx, e.events, [&](std::int64_t n) { return event_at(e, n).loss(); });
    loss[0] = static_cast<float>(sum / divisor(ctx, e));
}

void cross_entropy_backward(Context& ctx, CrossEntropyGradArgs const& args)
{
    CrossEntropyEvents const e(args);
    auto const dlogits = args.dlogits.view<float, 2>();
    float const* const dloss = args.dloss.flat<float const>().data;
    double const over = divisor(ctx, e);
    bool const each = args.reduction == Reduction::none;
    parallel_chunks(ctx, e.events, kRows, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
        for (std::int64_t n = begin; n < end; ++n) {
            CrossEntropyEvents::Event const event = event_at(e, n);
            double const outer = dloss == nullptr ? 1.0 : static_cast<double>(dloss[each ? n : 0]);
            double const all = event.all_shares();
            for (std::int64_t c = 0; c < e.classes; ++c)
                dlogits(n, c) += static_cast<float>(outer * event.slope(c, all) / over);
        }
    });
}
}  // namespace calofuse::cpu
