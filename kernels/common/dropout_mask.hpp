/// \file kernels/common/dropout_mask.hpp
/// Which elements dropout keeps: a pure function of (seed, stream, step, element), the same in every
/// operator and on every backend. Element i is kept if and only if
///   uniform01(word i % 4 of random_words(seed, stream, (u32)step, i / 4)) >= rate.
/// Which elements a dropout layer keeps: a pure function of (seed, stream, step, element), so that
/// every operator, backend and backward pass agrees on it and nobody has to store it.
/// Element i takes word i % 4 of random_words(seed, stream, step, i / 4).
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
/// Element is kept with probability 1 - rate; the caller scales what is kept by 1 / (1 - rate).
CALOFUSE_HD constexpr bool dropout_keeps(std::uint32_t word, float rate)
{
    return uniform01(word) >= rate;
}

CALOFUSE_HD constexpr bool dropout_keeps(
    std::uint64_t seed, std::uint32_t stream, std::int64_t step, std::int64_t element, float rate)
{
    PhiloxWords const words = random_words(seed, stream, static_cast<std::uint32_t>(step),
                                           static_cast<std::uint64_t>(element) / 4U);
    return dropout_keeps(words.w[element % 4], rate);
}

/// Factor of the kept elements.
CALOFUSE_HD constexpr float dropout_scale(float rate)
{
    return 1.0F / (1.0F - rate);
}
}  // namespace calofuse
