#include "kernels/optim/nadam/math.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
void nadam_update(Context& ctx, NadamArgs const& args)
{
    NadamFactors const factors = nadam_factors(args, args.learning_rate.view<double const, 1>()[0],
                                               args.step.view<std::int64_t const, 1>()[0],
                                               args.schedule.view<double, 1>()[0]);
    float const* const dw = args.dw.view<float const, 1>().data;
    float* const w = args.w.view<float, 1>().data;
    float* const m = args.m.view<float, 1>().data;
    float* const v = args.v.view<float, 1>().data;
    parallel_chunks(ctx, args.w.size(), 8192,
                    [=](std::int64_t begin, std::int64_t end, std::int64_t) {
                        NadamFactors const f = factors;  // in registers, or no vectors
#pragma omp simd
                        for (std::int64_t i = begin; i < end; ++i)
                            nadam_move(f, dw[i], w[i], m[i], v[i]);
                    });
}
}  // namespace calofuse::cpu
