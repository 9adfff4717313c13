#include "kernels/loss/bce_probability/math.hpp"
#include "kernels/math/ordered_sum.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kChunk = 1024;
}  // namespace

void bce_probability_forward(Context& ctx, BceProbabilityArgs const& args)
{
    BceProbabilityEvents const e(args);
    double const sum = ordered_sum(ctx, e.events, [&](std::int64_t i) { return e.loss(i); });
    args.loss.view<float, 1>()[0] = static_cast<float>(sum / e.divisor());
}

void bce_probability_backward(Context& ctx, BceProbabilityGradArgs const& args)
{
    BceProbabilityEvents const e(args);
    float const* const dloss = args.dloss.flat<float const>().data;
    double const scale = (dloss == nullptr ? 1.0 : static_cast<double>(dloss[0])) / e.divisor();
    auto const dp = args.dp.flat<float>();
    parallel_chunks(ctx, e.events, kChunk, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
        for (std::int64_t i = begin; i < end; ++i)
            dp[i] += static_cast<float>(scale * e.slope(i));
    });
}
}  // namespace calofuse::cpu
