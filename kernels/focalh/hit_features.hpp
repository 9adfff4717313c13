/// \file kernels/focalh/hit_features.hpp
/// Nodes of hit graphs: features, positions and energies of hits whose cells are known. What the 24
/// features are: kernels/focalh/hits.hpp.
#pragma once

#include "kernels/focalh/hits.hpp"
#include "runtime/context.hpp"

namespace calofuse {
struct HitFeaturesArgs {
    TensorRef a;            ///< (B, 249) f32  pedestal-subtracted energies in cell order, ADC
    TensorRef label;        ///< (B, 249) i32  hit of each cell, numbered by first cell; -1 = none
    TensorRef row_ptr;      ///< (B + 1)  i32  row_ptr[B] <= N
    TensorRef x;            ///< (N, 24)  f32
    TensorRef position;     ///< (N, 2)   f32  units of kMillimetresPerPositionUnit
    TensorRef energy = {};  ///< (N)      f32  sum of each hit, ADC; empty: not wanted
};

void hit_features(Context& ctx, HitFeaturesArgs const& args);

namespace cpu {
void hit_features(Context& ctx, HitFeaturesArgs const& args);
}  // namespace cpu
namespace cuda {
void hit_features(Context& ctx, HitFeaturesArgs const& args);
}  // namespace cuda
}  // namespace calofuse
