/// \file runtime/random.hpp
/// Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011). A number is a pure function
/// of (seed, stream, counter): nothing to save, nothing to restore, the same bits on host and device.
#pragma once

#include <cstdint>

#include "runtime/config.hpp"

namespace calofuse {
struct PhiloxWords {
    std::uint32_t w[4];
};

/// Ten rounds of Philox4x32 on `counter` under `key`.
CALOFUSE_HD constexpr PhiloxWords philox(PhiloxWords counter,
                                         std::uint32_t key0,
                                         std::uint32_t key1)
{
    for (int round = 0; round < 10; ++round) {
        std::uint64_t const p0 = std::uint64_t{0xD2511F53U} * counter.w[0];
        std::uint64_t const p1 = std::uint64_t{0xCD9E8D57U} * counter.w[2];
        counter = {{static_cast<std::uint32_t>(p1 >> 32U) ^ counter.w[1] ^ key0,
                    static_cast<std::uint32_t>(p1),
                    static_cast<std::uint32_t>(p0 >> 32U) ^ counter.w[3] ^ key1,
                    static_cast<std::uint32_t>(p0)}};
        key0 += 0x9E3779B9U;
        key1 += 0xBB67AE85U;
    }
    return counter;
}

/// Four words for (seed; stream, step, block). Streams: one per use (see `RandomStream`) or layer.
CALOFUSE_HD constexpr PhiloxWords random_words(std::uint64_t seed,
                                               std::uint32_t stream,
                                               std::uint32_t step,
                                               std::uint64_t block)
{
    return philox({{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32U),
                    step, stream}},
                  static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32U));
}

/// A word as a uniform float in [0, 1): 24 bits, exact.
CALOFUSE_HD constexpr float uniform01(std::uint32_t word)
{
    return static_cast<float>(word >> 8U) * 0x1p-24F;
}
/// Two words as a uniform double in (0, 1): never 0, so its logarithm is finite.
CALOFUSE_HD constexpr double uniform01(std::uint32_t high, std::uint32_t low)
{
    std::uint64_t const bits = (std::uint64_t{high} << 32U | low) >> 12U;
    return (static_cast<double>(bits) + 0.5) * 0x1p-52;
}

/// Stream numbers of the parts that draw random numbers. Dropout layers take `dropout + layer`.
enum class RandomStream : std::uint32_t {
    init = 1,
    shuffle = 2,
    split = 3,
    simulate = 4,
    dropout = 16
};
}  // namespace calofuse
