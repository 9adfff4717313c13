#include "kernels/optim/adamax/math.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
void adamax_update(Context& ctx, AdamaxArgs const& args)
{
    AdamaxFactors const factors =
        adamax_factors(args, args.learning_rate.view<double const, 1>()[0],
                       args.step.view<std::int64_t const, 1>()[0]);
    float const* const dw = args.dw.view<float const, 1>().data;
    float* const w = args.w.view<float, 1>().data;
    float* const m = args.m.view<float, 1>().data;
    float* const u = args.u.view<float, 1>().data;
    parallel_chunks(ctx, args.w.size(), 8192,
                    [=](std::int64_t begin, std::int64_t end, std::int64_t) {
                        AdamaxFactors const f = factors;  // in registers, or no vectors
#pragma omp simd
                        for (std::int64_t i = begin; i < end; ++i)
                            adamax_move(f, dw[i], w[i], m[i], u[i]);
                    });
}
}  // namespace calofuse::cpu
