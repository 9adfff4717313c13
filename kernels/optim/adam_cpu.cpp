#include <cmath>

#include "kernels/optim/adam.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kChunk = 8192;

/// The update of one element with everything that is common to all of them worked out.
struct Factors {
    float beta1, one_minus_beta1, beta2, one_minus_beta2;
    float rate;  ///< of m / (root * sqrt(u) + epsilon)
    float root;  ///< of sqrt(u)
    float epsilon;
    float coupled;  ///< of w in g
    float keep;     ///< of w before the update
};

Factors factors_of(AdamArgs const& args)
{
    double const rate = args.learning_rate.view<double const, 1>()[0];
    auto const t = static_cast<double>(args.step.view<std::int64_t const, 1>()[0]);
    double const bias1 = 1 - std::pow(args.beta1, t), bias2 = 1 - std::pow(args.beta2, t);
    bool const keras = args.rule == AdamRule::keras;
    bool const coupled = args.decay == WeightDecay::coupled;
    return {static_cast<float>(args.beta1),
            static_cast<float>(1 - args.beta1),
            static_cast<float>(args.beta2),
            static_cast<float>(1 - args.beta2),
            static_cast<float>(keras ? rate * std::sqrt(bias2) / bias1 : rate / bias1),
            static_cast<float>(keras ? 1.0 : 1 / std::sqrt(bias2)),
            static_cast<float>(args.epsilon),
            static_cast<float>(coupled ? args.weight_decay : 0.0),
            static_cast<float>(coupled ? 1.0 : 1 - rate * args.weight_decay)};
}
}  // namespace

void adam_update(Context& ctx, AdamArgs const& args)
{
    Factors const f = factors_of(args);
    float const* const dw = args.dw.view<float const, 1>().data;
    float* const w = args.w.view<float, 1>().data;
    float* const m = args.m.view<float, 1>().data;
    float* const v = args.v.view<float, 1>().data;
    float* const vmax = args.vmax.empty() ? nullptr : args.vmax.view<float, 1>().data;
    auto const moments = [=](std::int64_t i) {
        float const g = dw[i] + f.coupled * w[i];
        m[i] = f.beta1 * m[i] + f.one_minus_beta1 * g;
        v[i] = f.beta2 * v[i] + f.one_minus_beta2 * (g * g);
    };
    auto const move = [=](std::int64_t i, float u) {
        w[i] = f.keep * w[i] - f.rate * m[i] / (f.root * std::sqrt(u) + f.epsilon);
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
