#include "kernels/optim/adam/math.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kChunk = 8192;
}

void adam_update(Context& ctx, AdamArgs const& args)
{
    AdamFactors const f = adam_factors(args, args.learning_rate.view<double const, 1>()[0],
                                       args.step.view<std::int64_t const, 1>()[0]);
    float const* const dw = args.dw.view<float const, 1>().data;
    float* const w = args.w.view<float, 1>().data;
    float* const m = args.m.view<float, 1>().data;
    float* const v = args.v.view<float, 1>().data;
    float* const vmax = args.vmax.empty() ? nullptr : args.vmax.view<float, 1>().data;
    auto const moments = [=](std::int64_t i) {
        adam_moments(f, dw[i], w[i], m[i], v[i]);
    };
    auto const move = [=](std::int64_t i, float u) {
        w[i] = adam_moved(f, w[i], m[i], u);
    };
    parallel_chunks(ctx, args.w.size(), kChunk,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        if (vmax == nullptr) {
#pragma omp simd
                            for (std::int64_t i = begin; i < end; ++i) {
                                moments(i);
                                move(i, v[i]);
                            }
                            return;
                        }
#pragma omp simd
                        for (std::int64_t i = begin; i < end; ++i) {
                            moments(i);
                            vmax[i] = v[i] > vmax[i] ? v[i] : vmax[i];
                            move(i, vmax[i]);
                        }
                    });
}
}  // namespace calofuse::cpu
