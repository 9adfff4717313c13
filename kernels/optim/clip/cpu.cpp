#include <cmath>

#include "kernels/math/ordered_sum.hpp"
#include "kernels/optim/clip.hpp"

namespace calofuse::cpu {
void clip_by_norm(Context& ctx, ClipArgs const& args)
{
    auto const dw = args.dw.view<float, 1>();
    double const norm = std::sqrt(ordered_sum(ctx, dw.size(), [&](std::int64_t i) {
        auto const g = static_cast<double>(dw[i]);
        return g * g;
    }));
    args.norm.view<float, 1>()[0] = static_cast<float>(norm);
    double const ratio = args.max_norm / (args.rule == ClipRule::torch ? norm + 1e-6 : norm);
    if (ratio >= 1) return;  // a NaN norm goes on and spreads, to be seen
    auto const factor = static_cast<float>(ratio);
    parallel_chunks(ctx, dw.size(), 8192, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
#pragma omp simd
        for (std::int64_t i = begin; i < end; ++i)
            dw.data[i] *= factor;
    });
}
}  // namespace calofuse::cpu
