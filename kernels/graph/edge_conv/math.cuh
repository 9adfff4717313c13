/// \file kernels/graph/edge_conv/math.cuh
/// What an edge and a node mean to edge_conv, for its kernels.
#pragma once

#include "kernels/graph/edge_conv.hpp"

namespace calofuse::cuda {
struct EdgeConvGraph {
    float const *target, *neighbour;  ///< (N, hidden)
    std::int32_t const *edge_ptr, *source;
    int hidden, outputs;
    EdgeAggregate aggregate;

    /// Of the edge j -> i, before the rectifier.
    __device__ float inner(std::int32_t i, std::int32_t j, int h) const
    {
        std::int64_t const at_i = static_cast<std::int64_t>(i) * hidden + h;
        std::int64_t const at_j = static_cast<std::int64_t>(j) * hidden + h;
        return target[at_i] + (neighbour[at_j] - neighbour[at_i]);
    }
    __device__ float hidden_of(std::int32_t i, std::int32_t j, int h) const
    {
        float const u = inner(i, j, h);
        return u > 0 ? u : 0.0F;
    }
    __device__ int degree(std::int32_t i) const { return edge_ptr[i + 1] - edge_ptr[i]; }
    /// How often b2 entered y_i.
    __device__ float num_biases(std::int32_t i) const
    {
        if (aggregate == EdgeAggregate::sum) return static_cast<float>(degree(i));
        return degree(i) > 0 ? 1.0F : 0.0F;
    }
    /// Of the sum over the edges into node i.
    __device__ float scale(std::int32_t i) const
    {
        bool const mean = aggregate == EdgeAggregate::mean && degree(i) > 1;
        return mean ? 1.0F / static_cast<float>(degree(i)) : 1.0F;
    }
};

template <class Args>
EdgeConvGraph edge_conv_graph(Args const& args)
{
    return {static_cast<float const*>(args.target.data),
            static_cast<float const*>(args.neighbour.data),
            static_cast<std::int32_t const*>(args.edge_ptr.data),
            static_cast<std::int32_t const*>(args.source.data),
            static_cast<int>(args.w.shape[0]),
            static_cast<int>(args.w.shape[1]),
            args.aggregate};
}
}  // namespace calofuse::cuda
