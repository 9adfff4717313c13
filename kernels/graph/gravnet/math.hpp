/// \file kernels/graph/gravnet/math.hpp
/// The numbers of gravnet.hpp, for both backends.
#pragma once

#include "kernels/graph/gravnet.hpp"
#include "kernels/math/float_math.hpp"

namespace calofuse {
inline constexpr std::int64_t kMaxGravNetList = kMaxGravNetNeighbours + 1;  // and the node itself
inline constexpr float kGravNetSteepness = 10;
inline constexpr float kGravNetLeastMeanWeight = 1e-3F;

CALOFUSE_HD inline float gravnet_weight(float squared_distance)
{
    return exp_float(-kGravNetSteepness * squared_distance);
}
}  // namespace calofuse
