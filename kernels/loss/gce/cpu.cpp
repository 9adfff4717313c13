#include <algorithm>

#include "kernels/loss/gce/math.hpp"
#include "kernels/math/ordered_sum.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kRows = 64;  // of one work item

GceEvents::Event event_at(GceEvents const& e, std::int64_t n)
{
    CALOFUSE_ASSERT(e.target[n] >= 0 && e.target[n] < std::max<std::int64_t>(e.classes, 2));
    return e.at(n);
}
}  // namespace

void gce_forward(Context& ctx, GceArgs const& args)
{
    GceEvents const e(args);
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
    loss[0] = static_cast<float>(sum / e.divisor);
}

void gce_backward(Context& ctx, GceGradArgs const& args)
{
    GceEvents const e(args);
    auto const dlogits = args.dlogits.view<float, 2>();
    float const* const dloss = args.dloss.flat<float const>().data;
    bool const each = args.reduction == Reduction::none;
    parallel_chunks(ctx, e.events, kRows, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
        for (std::int64_t n = begin; n < end; ++n) {
            GceEvents::Event const event = event_at(e, n);
            double const outer = dloss == nullptr ? 1.0 : static_cast<double>(dloss[each ? n : 0]);
            for (std::int64_t c = 0; c < e.classes; ++c)
                dlogits(n, c) += static_cast<float>(outer * event.slope(c) / e.divisor);
        }
    });
}
}  // namespace calofuse::cpu
