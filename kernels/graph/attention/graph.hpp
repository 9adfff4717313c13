/// \file kernels/graph/attention/graph.hpp
/// One graph as the host kernels of attention layers see it, and the memory that they work in. Plain
/// data, fit for *_simd.cpp files.
/// Edges are handled in blocks of consecutive targets. A slot is an incoming edge of a target or,
/// behind its edges, the loop that was added to it; numbers a slot and head lie in rows of `stride`.
#pragma once

#include <cstdint>

#include "kernels/math/dropout_key.hpp"

namespace calofuse::cpu {
struct AttentionGraph {
    int heads, channels;
    int stride;  ///< heads rounded up to a multiple of 4
    bool add_loops, mean_heads;
    float slope;
    std::int32_t const* edge_ptr;
    std::int32_t const* source;
    float const* edge;  ///< (E, features) or null
    int features;
    std::int32_t begin, end;  ///< rows of the graph
    DropoutKey dropout;
};

/// Slots of a block; a target with more is a block of its own.
constexpr std::int64_t kAttentionBlockSlots = 512;
constexpr std::int64_t kAttentionSlack = 64;  ///< vectors may reach past the last row of an array

/// Slot arrays (slots, stride) and node arrays; targets count from the block's first, nodes from the
/// graph's first.
struct AttentionWork {
    float* alpha;     ///< slots: exponent, then weight
    float* slope;     ///< slots: derivative of the leaky ReLU, then times alpha
    float* gradient;  ///< slots: of alpha, then of the exponent's argument
    float* factor;    ///< slots: of dropout
    float* top;       ///< targets: largest exponent
    float* norm;      ///< targets: sum of the exponentials
    float* dsource;   ///< nodes: gradient as a source
    float* dtarget;   ///< nodes: gradient as a target
};
}  // namespace calofuse::cpu
