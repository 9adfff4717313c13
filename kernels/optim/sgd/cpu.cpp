#include "kernels/optim/sgd/math.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kChunk = 8192;
}

void sgd_update(Context& ctx, SgdArgs const& args)
{
    SgdFactors const factors = sgd_factors(args, args.learning_rate.view<double const, 1>()[0]);
    float const* const dw = args.dw.view<float const, 1>().data;
    float* const w = args.w.view<float, 1>().data;
    float* const m = args.momentum > 0 ? args.m.view<float, 1>().data : nullptr;
    parallel_chunks(ctx, args.w.size(), kChunk,
                    [=](std::int64_t begin, std::int64_t end, std::int64_t) {
                        SgdFactors const f = factors;  // in registers, or no vectors
                        if (m == nullptr) {
#pragma omp simd
                            for (std::int64_t i = begin; i < end; ++i)
                                w[i] = sgd_plain(f, dw[i], w[i]);
                            return;
                        }
#pragma omp simd
                        for (std::int64_t i = begin; i < end; ++i)
                            sgd_with_momentum(f, dw[i], w[i], m[i]);
                    });
}
}  // namespace calofuse::cpu
