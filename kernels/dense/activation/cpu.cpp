#include "kernels/dense/activation/math.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kChunk = 16384;
}

void activation_forward(Context& ctx, ActivationArgs const& args)
{
    auto const x = args.x.flat<float const>();
    auto const y = args.y.flat<float>();
    dispatch_activation(args.kind, [&]<Activation kKind> {
        parallel_chunks(ctx, x.size(), kChunk,
                        [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                            float const p = args.parameter;  // in a register, or no vectors
#pragma omp simd
                            for (std::int64_t i = begin; i < end; ++i)
                                y.data[i] = activation<kKind>(x.data[i], p);
                        });
    });
}

void activation_backward(Context& ctx, ActivationGradArgs const& args)
{
    auto const saved = args.saved.flat<float const>(), dy = args.dy.flat<float const>();
    auto const dx = args.dx.flat<float>();
    dispatch_activation(args.kind, [&]<Activation kKind> {
        parallel_chunks(
            ctx, dx.size(), kChunk, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                float const p = args.parameter;
#pragma omp simd
                for (std::int64_t i = begin; i < end; ++i)
                    dx.data[i] += dy.data[i] * activation_slope<kKind>(saved.data[i], p);
            });
    });
}
}  // namespace calofuse::cpu
