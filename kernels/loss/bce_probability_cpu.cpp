#include <algorithm>
#include <cmath>

#include "kernels/loss/bce_probability.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kChunk = 1024;

float const* floats(TensorRef const& t)
{
    return static_cast<float const*>(t.data);
}
double weight_at(TensorRef const& weight, std::int64_t i)
{
    return weight.empty() ? 1.0 : static_cast<double>(floats(weight)[i]);
}
}  // namespace

void bce_probability_forward(Context& ctx, BceProbabilityArgs const& args)
{
    std::int64_t const events = args.p.size();
    std::int64_t const chunks = (events + kChunk - 1) / kChunk;
    auto const partial = ctx.scratch<double>(chunks);
    parallel_chunks(
        ctx, events, kChunk, [&](std::int64_t begin, std::int64_t end, std::int64_t chunk) {
            double sum = 0;
            for (std::int64_t i = begin; i < end; ++i) {
                double const p = floats(args.p)[i];
                double const t = floats(args.target)[i];
                double const q = std::min(std::max(p, args.clip), 1 - args.clip);
                sum -= weight_at(args.weight, i) * (t * std::log(q) + (1 - t) * std::log1p(-q));
            }
            partial.data()[chunk] = sum;
        });
    double sum = 0;
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
        sum += partial.data()[chunk];
    auto const count = static_cast<double>(std::max<std::int64_t>(events, 1));
    args.loss.view<float, 1>()[0] = static_cast<float>(sum / count);
}

void bce_probability_backward(Context& ctx, BceProbabilityGradArgs const& args)
{
    std::int64_t const events = args.p.size();
    double const dloss = args.dloss.empty() ? 1.0 : static_cast<double>(floats(args.dloss)[0]);
    double const scale = dloss / static_cast<double>(std::max<std::int64_t>(events, 1));
    auto* dp = static_cast<float*>(args.dp.data);
    parallel_chunks(ctx, events, kChunk, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
        for (std::int64_t i = begin; i < end; ++i) {
            double const p = floats(args.p)[i];
            double const t = floats(args.target)[i];
            if (p < args.clip || p > 1 - args.clip) continue;
            dp[i] +=
                static_cast<float>(scale * weight_at(args.weight, i) * (p - t) / (p * (1 - p)));
        }
    });
}
}  // namespace calofuse::cpu
