#include "kernels/optim/sgd.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kChunk = 8192;
}

void sgd_update(Context& ctx, SgdArgs const& args)
{
    double const rate = args.learning_rate.view<double const, 1>()[0];
    bool const keras = args.rule == SgdRule::keras, nesterov = args.kind == Momentum::nesterov;
    auto const mu = static_cast<float>(args.momentum);
    auto const lr = static_cast<float>(rate);
    auto const keep = static_cast<float>(keras ? 1 - rate * args.weight_decay : 1.0);
    auto const coupled = static_cast<float>(keras ? 0.0 : args.weight_decay);
    // One form for both rules: m = mu m + inner g, w = keep w + outer step.
    float const inner = keras ? -lr : 1.0F, outer = keras ? 1.0F : -lr;
    float const* const dw = args.dw.view<float const, 1>().data;
    float* const w = args.w.view<float, 1>().data;
    float* const m = args.momentum > 0 ? args.m.view<float, 1>().data : nullptr;
    parallel_chunks(ctx, args.w.size(), kChunk,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        if (m == nullptr) {
#pragma omp simd
                            for (std::int64_t i = begin; i < end; ++i)
                                w[i] = keep * w[i] - lr * (dw[i] + coupled * w[i]);
                            return;
                        }
#pragma omp simd
                        for (std::int64_t i = begin; i < end; ++i) {
                            float const g = inner * (dw[i] + coupled * w[i]);
                            float const moved = mu * m[i] + g;
                            m[i] = moved;
                            w[i] = keep * w[i] + outer * (nesterov ? g + mu * moved : moved);
                        }
                    });
}
}  // namespace calofuse::cpu
