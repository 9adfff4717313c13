/// \file kernels/data/shuffle/math.hpp
/// The key of shuffle.hpp, for both backends.
#pragma once

#include "kernels/data/shuffle.hpp"
#include "runtime/random.hpp"

namespace calofuse {
CALOFUSE_HD inline std::uint64_t shuffle_key(std::uint64_t seed,
                                             std::uint32_t epoch,
                                             std::int32_t event)
{
    auto const words = random_words(seed, static_cast<std::uint32_t>(RandomStream::shuffle), epoch,
                                    static_cast<std::uint64_t>(event));
    return std::uint64_t{words.w[0]} << 32U | words.w[1];
}
}  // namespace calofuse
