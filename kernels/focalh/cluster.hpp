/// \file kernels/focalh/cluster.hpp
/// Hits of a batch of events, found in the energies of their cells (rules: kernels/focalh/hits.hpp).
///   label[b, k] = hit of cell k in its event, numbered by first cell; -1 = in none
///   row_ptr[b + 1] - row_ptr[b] = hits of event b
#pragma once

#include "kernels/focalh/hits.hpp"
#include "runtime/context.hpp"

namespace calofuse {
struct ClusterArgs {
    TensorRef a;           ///< (B, 249) f32  pedestal-subtracted energies in cell order, ADC
    TensorRef channels;    ///< (249)    i32  channel of each cell; only read for noise
    TensorRef noise = {};  ///< (256)    f32  sigma of each channel, ADC; empty: the threshold alone
    HitOptions options = {};
    TensorRef label;    ///< (B, 249) i32
    TensorRef row_ptr;  ///< (B + 1)  i32
};

void cluster(Context& ctx, ClusterArgs const& args);

namespace cpu {
void cluster(Context& ctx, ClusterArgs const& args);
}  // namespace cpu
namespace cuda {
void cluster(Context& ctx, ClusterArgs const& args);
}  // namespace cuda
}  // namespace calofuse
