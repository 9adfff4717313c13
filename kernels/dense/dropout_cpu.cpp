#include <algorithm>
#include <cstring>

#include "kernels/common/dropout_mask.hpp"
#include "kernels/dense/dropout.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kBlocks = 256;  // random blocks of four elements made at a time

struct Mask {
    std::uint64_t seed;
    std::uint32_t stream, step, threshold;
    float factor;  ///< 1 / (1 - rate)
};

template <class Args>
Mask mask_of(Args const& args)
{
    return {args.seed, args.stream,
            static_cast<std::uint32_t>(args.step.template view<std::int64_t const, 1>()[0]),
            dropout_threshold(args.rate), 1.0F / (1.0F - args.rate)};
}

/// factors[i] = factor where element 4 * first_block + i is kept, else 0.
void fill_factors(Mask const& mask, std::uint64_t first_block, float* factors)
{
#pragma omp simd
    for (std::int64_t b = 0; b < kBlocks; ++b) {
        PhiloxWords const words = random_words(mask.seed, mask.stream, mask.step,
                                               first_block + static_cast<std::uint64_t>(b));
        for (int j = 0; j < 4; ++j)
            factors[4 * b + j] = (words.w[j] >> 8U) >= mask.threshold ? mask.factor : 0.0F;
    }
}

/// f(i, factor of element i) for all elements.
template <class F>
void for_each_factor(Context& ctx, Mask const& mask, std::int64_t size, F f)
{
    parallel_chunks(ctx, size, 4 * kBlocks,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        alignas(64) float factors[4 * kBlocks];
                        fill_factors(mask, static_cast<std::uint64_t>(begin / 4), factors);
#pragma omp simd
                        for (std::int64_t i = begin; i < end; ++i)
                            f(i, factors[i - begin]);
                    });
}
}  // namespace

void dropout_forward(Context& ctx, DropoutArgs const& args)
{
    auto const x = args.x.flat<float const>();
    auto const y = args.y.flat<float>();
    if (args.rate == 0) {
        if (y.data != x.data && x.size() > 0)
            std::memcpy(y.data, x.data, static_cast<std::size_t>(x.size()) * sizeof(float));
        return;
    }
    for_each_factor(ctx, mask_of(args), x.size(),
                    [&](std::int64_t i, float factor) { y.data[i] = x.data[i] * factor; });
}

void dropout_backward(Context& ctx, DropoutGradArgs const& args)
{
    auto const dy = args.dy.flat<float const>();
    auto const dx = args.dx.flat<float>();
    for_each_factor(ctx, mask_of(args), dy.size(),
                    [&](std::int64_t i, float factor) { dx.data[i] += dy.data[i] * factor; });
}
}  // namespace calofuse::cpu
