/// \file kernels/data/shuffle.hpp
/// The order of an epoch: a permutation that is a pure function of (seed, epoch, event), the same on
/// every backend. Events are sorted by
///   key = words 0 and 1 of random_words(seed, RandomStream::shuffle, epoch, event) as one u64,
/// equal keys (a chance of n^2 / 2^65) in the order in which they are given.
#pragma once

#include "runtime/context.hpp"

namespace calofuse {
struct ShuffleArgs {
    TensorRef events;  ///< (n) i32, >= 0
    std::uint64_t seed = 0;
    std::uint32_t epoch = 0;
    TensorRef order;  ///< (n) i32, no alias
};

void shuffle(Context& ctx, ShuffleArgs const& args);
namespace cpu {
void shuffle(Context& ctx, ShuffleArgs const& args);
}
namespace cuda {
void shuffle(Context& ctx, ShuffleArgs const& args);
}
}  // namespace calofuse
