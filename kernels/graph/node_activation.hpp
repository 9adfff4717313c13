/// \file kernels/graph/node_activation.hpp
/// Activations that graph operators apply to their output in the same pass. Their derivative is a
/// function of the output, so nothing else has to be kept.
#pragma once

#include <cstdint>

#include "runtime/config.hpp"

namespace calofuse {
enum class NodeActivation : std::uint8_t { none, relu };

template <NodeActivation kKind>
CALOFUSE_HD inline float activate(float x)
{
    if constexpr (kKind == NodeActivation::relu)
        return x > 0 ? x : 0.0F;
    else
        return x;
}

/// dL/dx from dL/dy and y = activate(x); 0 where relu gave 0.
template <NodeActivation kKind>
CALOFUSE_HD inline float activation_gradient(float dy, float y)
{
    if constexpr (kKind == NodeActivation::relu)
        return y > 0 ? dy : 0.0F;
    else
        return dy;
}
}  // namespace calofuse
