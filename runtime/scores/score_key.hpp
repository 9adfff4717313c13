/// \file runtime/scores/score_key.hpp
/// Scores as whole numbers, to sort them by digits on both backends.
#pragma once

#include <bit>
#include <cstdint>

#include "runtime/config.hpp"

namespace calofuse {
/// Rises with the score: sign-magnitude to an unsigned number in the same order; adding 0 turns -0
/// into 0.
CALOFUSE_HD inline std::uint32_t score_key(float score)
{
    auto const bits = std::bit_cast<std::uint32_t>(score + 0.0F);
    return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}
}  // namespace calofuse
