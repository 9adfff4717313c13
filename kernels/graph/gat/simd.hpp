/// \file kernels/graph/gat/simd.hpp
/// The vector part of gat: one graph at a time.
#pragma once

#include "kernels/graph/attention/graph.hpp"

namespace calofuse::cpu {
struct GatTensors {
    float const* h;
    float const* att_source;
    float const* att_target;
    float const* edge_projection;  ///< (G, stride): edge_weight times att_edge
    float* saved;                  ///< (N, 3, stride)
};
struct GatOutputs {
    float const* bias;  ///< or null
    float* y;
    float* alpha;       ///< or null
    float* alpha_loop;  ///< or null
};
struct GatGradients {
    float const* dy;
    float* dh;
    float* datt_source;  ///< the last four: partial sums of some graphs
    float* datt_target;
    float* dbias;             ///< or null
    float* dedge_projection;  ///< (G, stride)
    float* dedge;             ///< or null
};

struct GatKernels {
    void (*forward)(AttentionGraph const&,
                    AttentionWork const&,
                    GatTensors const&,
                    GatOutputs const&);
    void (*backward)(AttentionGraph const&,
                     AttentionWork const&,
                     GatTensors const&,
                     GatGradients const&);
};
namespace avx2 {
extern GatKernels const gat_kernels;
}  // namespace avx2
namespace avx512 {
extern GatKernels const gat_kernels;
}  // namespace avx512
}  // namespace calofuse::cpu
