/// \file kernels/math/dropout_mask.hpp
/// Which elements dropout keeps: a pure function of (seed, stream, step, element), the same in
/// every operator and on every backend. Element i is kept if and only if
///   uniform01(word i % 4 of random_words(seed, stream, (u32)step, i / 4)) >= rate.
#pragma once

#include "runtime/random.hpp"

namespace calofuse {
/// uniform01(word) >= rate exactly when (word >> 8) >= this: both sides are multiples of 2^-24.
CALOFUSE_HD constexpr std::uint32_t dropout_threshold(float rate)
{
    auto const scaled = rate * 0x1p24F;
    auto const floor = static_cast<std::uint32_t>(scaled);
    return floor + (static_cast<float>(floor) < scaled ? 1U : 0U);
}

/// Bit j (j = 0..3) is set if element 4 * block + j is kept.
CALOFUSE_HD constexpr std::uint32_t dropout_keep4(std::uint64_t seed,
                                                  std::uint32_t stream,
                                                  std::uint32_t step,
                                                  std::uint64_t block,
                                                  std::uint32_t threshold)
{
    PhiloxWords const words = random_words(seed, stream, step, block);
    std::uint32_t kept = 0;
    for (std::uint32_t j = 0; j < 4; ++j)
        kept |= ((words.w[j] >> 8U) >= threshold ? 1U : 0U) << j;
    return kept;
}
}  // namespace calofuse
