/// \file kernels/graph/attention.hpp
/// Choices that all attention layers over graphs offer.
#pragma once

#include <cstdint>

namespace calofuse {
/// add: loops that the graph has are left out, then every node gets one. A loop's edge features are
/// the mean over the node's other incoming edges, 0 if there are none.
enum class SelfLoops : std::uint8_t { add, as_given };
enum class HeadMerge : std::uint8_t { concat, mean };

/// Heads rounded up to whole groups of four: the row length of tensors with a number a head.
constexpr std::int64_t padded_heads(std::int64_t heads)
{
    return (heads + 3) / 4 * 4;
}
}  // namespace calofuse
