#include <algorithm>
#include <cstring>

#include "kernels/common/dropout_mask.hpp"
#include "kernels/dense/dropout.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kBlocks = 256;  // random blocks of four elements made at a time
constexpr std::int64_t kLanes = 64;    // of them side by side

struct Mask {
    std::uint64_t seed;
    std::uint32_t stream, step, threshold;
    float factor;         ///< 1 / (1 - rate)
    std::uint64_t first;  ///< element of the batch that the first one is
};

template <class Args>
Mask mask_of(Args const& args, TensorRef const& x)
{
    auto const step = args.step.template view<std::int64_t const, 1>();
    std::int64_t const of_event = x.size() / std::max<std::int64_t>(1, x.shape[0]);
    return {args.seed,
            args.stream,
            static_cast<std::uint32_t>(step[0]),
            dropout_threshold(args.rate),
            1.0F / (1.0F - args.rate),
            static_cast<std::uint64_t>(step[1] * of_event)};
}

/// Philox of kLanes counters at once (runtime/random.hpp has it for one): lane l of `c` holds word
/// after word of block first + l.
struct Lanes {
    std::uint32_t c[4][kLanes];
};
void philox_lanes(Mask const& mask, Lanes& lanes)
{
    auto key0 = static_cast<std::uint32_t>(mask.seed);
    auto key1 = static_cast<std::uint32_t>(mask.seed >> 32U);
    for (int round = 0; round < 10; ++round) {
#pragma omp simd
        for (std::int64_t l = 0; l < kLanes; ++l) {
            std::uint64_t const p0 = std::uint64_t{0xD2511F53U} * lanes.c[0][l];
            std::uint64_t const p1 = std::uint64_t{0xCD9E8D57U} * lanes.c[2][l];
            lanes.c[0][l] = static_cast<std::uint32_t>(p1 >> 32U) ^ lanes.c[1][l] ^ key0;
            lanes.c[1][l] = static_cast<std::uint32_t>(p1);
            lanes.c[2][l] = static_cast<std::uint32_t>(p0 >> 32U) ^ lanes.c[3][l] ^ key1;
            lanes.c[3][l] = static_cast<std::uint32_t>(p0);
        }
        key0 += 0x9E3779B9U;
        key1 += 0xBB67AE85U;
    }
}

/// factors[i] = factor where element 4 * first_block + i is kept, else 0.
void fill_factors(Mask const& mask, std::uint64_t first_block, float* factors)
{
    float const factor = mask.factor;
    std::uint32_t const threshold = mask.threshold;
    for (std::int64_t b = 0; b < kBlocks; b += kLanes) {
        Lanes lanes;
        for (std::int64_t l = 0; l < kLanes; ++l) {
            std::uint64_t const block = first_block + static_cast<std::uint64_t>(b + l);
            lanes.c[0][l] = static_cast<std::uint32_t>(block);
            lanes.c[1][l] = static_cast<std::uint32_t>(block >> 32U);
            lanes.c[2][l] = mask.step;
            lanes.c[3][l] = mask.stream;
        }
        philox_lanes(mask, lanes);
        float* const out = factors + 4 * b;
#pragma omp simd
        for (std::int64_t l = 0; l < kLanes; ++l) {
            out[4 * l] = (lanes.c[0][l] >> 8U) >= threshold ? factor : 0.0F;
            out[4 * l + 1] = (lanes.c[1][l] >> 8U) >= threshold ? factor : 0.0F;
            out[4 * l + 2] = (lanes.c[2][l] >> 8U) >= threshold ? factor : 0.0F;
            out[4 * l + 3] = (lanes.c[3][l] >> 8U) >= threshold ? factor : 0.0F;
        }
    }
}

/// f(i, factor of element i) for all elements.
template <class F>
void for_each_factor(Context& ctx, Mask const& mask, std::int64_t size, F f)
{
    // One block less than there is room for: the first element may be inside a block.
    parallel_chunks(ctx, size, 4 * kBlocks - 4,
                    [&](std::int64_t begin, std::int64_t end, std::int64_t) {
                        alignas(64) float factors[4 * kBlocks];
                        std::uint64_t const first = mask.first + static_cast<std::uint64_t>(begin);
                        fill_factors(mask, first / 4, factors);
                        float const* const of_first = factors + first % 4;
#pragma omp simd
                        for (std::int64_t i = begin; i < end; ++i)
                            f(i, of_first[i - begin]);
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
    for_each_factor(ctx, mask_of(args, args.x), x.size(),
                    [&](std::int64_t i, float factor) { y.data[i] = x.data[i] * factor; });
}

void dropout_backward(Context& ctx, DropoutGradArgs const& args)
{
    auto const dy = args.dy.flat<float const>();
    auto const dx = args.dx.flat<float>();
    for_each_factor(ctx, mask_of(args, args.dy), dy.size(),
                    [&](std::int64_t i, float factor) { dx.data[i] += dy.data[i] * factor; });
}
}  // namespace calofuse::cpu
