#include <cmath>

#include "kernels/optim/adamax.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
void adamax_update(Context& ctx, AdamaxArgs const& args)
{
    double const lr = args.learning_rate.view<double const, 1>()[0];
    auto const t = static_cast<double>(args.step.view<std::int64_t const, 1>()[0]);
    bool const keras = args.rule == AdamaxRule::keras;
    auto const beta1 = static_cast<float>(args.beta1), beta2 = static_cast<float>(args.beta2);
    auto const take = static_cast<float>(1 - args.beta1);
    auto const rate = static_cast<float>(lr / (1 - std::pow(args.beta1, t)));
    auto const keep = static_cast<float>(keras ? 1 - lr * args.weight_decay : 1.0);
    auto const coupled = static_cast<float>(keras ? 0.0 : args.weight_decay);
    // keras adds epsilon to the divisor, torch to the gradient's size.
    auto const below = static_cast<float>(keras ? args.epsilon : 0.0);
    auto const inside = static_cast<float>(keras ? 0.0 : args.epsilon);
    float const* const dw = args.dw.view<float const, 1>().data;
    float* const w = args.w.view<float, 1>().data;
    float* const m = args.m.view<float, 1>().data;
    float* const u = args.u.view<float, 1>().data;
    parallel_chunks(ctx, args.w.size(), 8192,
                    [=](std::int64_t begin, std::int64_t end, std::int64_t) {
#pragma omp simd
                        for (std::int64_t i = begin; i < end; ++i) {
                            float const g = dw[i] + coupled * w[i];
                            float const size = std::abs(g) + inside, old = beta2 * u[i];
                            m[i] = beta1 * m[i] + take * g;
                            u[i] = size > old ? size : old;
                            w[i] = keep * w[i] - rate * m[i] / (u[i] + below);
                        }
                    });
}
}  // namespace calofuse::cpu
