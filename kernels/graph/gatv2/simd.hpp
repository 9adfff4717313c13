/// \file kernels/graph/gatv2/simd.hpp
/// The vector part of gatv2: one graph at a time.
#pragma once

#include "kernels/graph/attention/graph.hpp"

namespace calofuse::cpu {
struct Gatv2Tensors {
    float const* left;
    float const* right;
    float const* att;
    float const* edge_weight;  ///< (G, H, C) or null
    float* saved;              ///< (N, stride)
    float* loop_features;      ///< (kAttentionBlockSlots, G) scratch: means that the loops get
};
struct Gatv2Outputs {
    float const* bias;  ///< or null
    float* y;
    float* alpha;       ///< or null
    float* alpha_loop;  ///< or null
};
struct Gatv2Gradients {
    float const* dy;
    float* dleft;
    float* dright;
    float* datt;            ///< this, dbias and dedge_weight: partial sums of some graphs
    float* dbias;           ///< or null
    float* dedge_weight;    ///< (G, H, C)
    float* dedge;           ///< or null
    float* dloop_features;  ///< (kAttentionBlockSlots, G) scratch
};

struct Gatv2Kernels {
    void (*forward)(AttentionGraph const&,
                    AttentionWork const&,
                    Gatv2Tensors const&,
                    Gatv2Outputs const&);
    void (*backward)(AttentionGraph const&,
                     AttentionWork const&,
                     Gatv2Tensors const&,
                     Gatv2Gradients const&);
};
namespace avx2 {
extern Gatv2Kernels const gatv2_kernels;
}  // namespace avx2
namespace avx512 {
extern Gatv2Kernels const gatv2_kernels;
}  // namespace avx512
}  // namespace calofuse::cpu
