#include <cmath>

#include "kernels/optim/nadam.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
void nadam_update(Context& ctx, NadamArgs const& args)
{
    double const lr = args.learning_rate.view<double const, 1>()[0];
    auto const t = static_cast<double>(args.step.view<std::int64_t const, 1>()[0]);
    auto const schedule = args.schedule.view<double, 1>();
    auto const mu = [&](double at) {
        return args.beta1 * (1 - 0.5 * std::pow(0.96, at * args.momentum_decay));
    };
    double const missing = 1 - mu(t) * (1 - schedule[0]);  // 1 - P_t
    double const next = 1 - mu(t + 1) * (1 - missing);     // 1 - P_{t+1}
    schedule[0] = missing;
    bool const keras = args.rule == NadamRule::keras;
    auto const beta1 = static_cast<float>(args.beta1), beta2 = static_cast<float>(args.beta2);
    auto const take1 = static_cast<float>(1 - args.beta1);
    auto const take2 = static_cast<float>(1 - args.beta2);
    auto const of_m = static_cast<float>(lr * mu(t + 1) / next);
    auto const of_g = static_cast<float>(lr * (1 - mu(t)) / missing);
    auto const root = static_cast<float>(1 / std::sqrt(1 - std::pow(args.beta2, t)));
    auto const epsilon = static_cast<float>(args.epsilon);
    auto const keep = static_cast<float>(keras ? 1 - lr * args.weight_decay : 1.0);
    auto const coupled = static_cast<float>(keras ? 0.0 : args.weight_decay);
    float const* const dw = args.dw.view<float const, 1>().data;
    float* const w = args.w.view<float, 1>().data;
    float* const m = args.m.view<float, 1>().data;
    float* const v = args.v.view<float, 1>().data;
    parallel_chunks(
        ctx, args.w.size(), 8192, [=](std::int64_t begin, std::int64_t end, std::int64_t) {
#pragma omp simd
            for (std::int64_t i = begin; i < end; ++i) {
                float const g = dw[i] + coupled * w[i];
                m[i] = beta1 * m[i] + take1 * g;
                v[i] = beta2 * v[i] + take2 * (g * g);
                w[i] = keep * w[i] - (of_m * m[i] + of_g * g) / (root * std::sqrt(v[i]) + epsilon);
            }
        });
}
}  // namespace calofuse::cpu
