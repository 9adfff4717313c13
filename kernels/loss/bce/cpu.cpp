#include "kernels/loss/bce/math.hpp"
#include "kernels/math/ordered_sum.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kChunk = 1024;
}  // namespace

void bce_forward(Context& ctx, BceArgs const& args)
{
    BceEvents const e(args);
    std::int64_t const valid = e.valid();
    auto const loss = args.loss.flat<float>();
    if (args.reduction == Reduction::none) {
        parallel_chunks(ctx, e.events, kChunk,
                        [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                            for (std::int64_t i = begin; i < end; ++i)
                                loss[i] = i < valid ? static_cast<float>(e.loss(i)) : 0.0F;
                        });
        return;
    }
    double const sum = ordered_sum(ctx, valid, [&](std::int64_t i) { return e.loss(i); });
    loss[0] = static_cast<float>(sum / e.divisor());
}

void bce_backward(Context& ctx, BceGradArgs const& args)
{
    BceEvents const e(args);
    auto const dlogits = args.dlogits.flat<float>();
    float const* const dloss = args.dloss.flat<float const>().data;
    bool const each = args.reduction == Reduction::none;
    double const over = e.divisor();
    parallel_chunks(ctx, e.valid(), kChunk,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        for (std::int64_t i = begin; i < end; ++i) {
                            double const outer =
                                dloss == nullptr ? 1.0 : static_cast<double>(dloss[each ? i : 0]);
                            dlogits[i] += static_cast<float>(outer * e.slope(i) / over);
                        }
                    });
}
}  // namespace calofuse::cpu
