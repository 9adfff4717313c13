/// \file kernels/graph/edge_conv/simd.hpp
/// The vector part of edge_conv: consecutive nodes of whole graphs. Plain data.
#pragma once

#include <cstdint>

namespace calofuse::cpu {
/// Edges or nodes that a thread holds hidden values of at a time.
inline constexpr int kEdgeConvRows = 48;

enum class EdgeConvKind : std::uint8_t { max, sum, mean };

struct EdgeConvGraph {
    float const* target;     ///< (N, hidden)
    float const* neighbour;  ///< (N, hidden)
    std::int32_t const* edge_ptr;
    std::int32_t const* source;
    int hidden, outputs;                ///< of the tensors
    int padded_hidden, padded_outputs;  ///< multiples of 16
    EdgeConvKind kind;
};

struct EdgeConvForward {
    EdgeConvGraph graph;
    float const* w;     ///< (hidden, padded outputs)
    float const* bias;  ///< (outputs)
    float* y;
    std::int32_t* winner;
    float* workspace;  ///< kEdgeConvRows (padded hidden + padded outputs) zeros
};

struct EdgeConvBackward {
    EdgeConvGraph graph;
    float const* w;  ///< (outputs, padded hidden): transposed
    float const* dy;
    std::int32_t const* winner;
    float* dtarget;
    float* dneighbour;
    float* dw;         ///< (outputs, padded hidden), added to
    float* workspace;  ///< kEdgeConvRows (2 padded hidden + padded outputs) zeros
};

struct EdgeConvKernels {
    void (*forward)(EdgeConvForward const& task, std::int32_t begin, std::int32_t end);
    void (*backward)(EdgeConvBackward const& task, std::int32_t begin, std::int32_t end);
};
namespace avx2 {
extern EdgeConvKernels const edge_conv_kernels;
}  // namespace avx2
namespace avx512 {
extern EdgeConvKernels const edge_conv_kernels;
}  // namespace avx512
}  // namespace calofuse::cpu
