#include <cmath>

#include "kernels/device/nodes.cuh"
#include "kernels/graph/edge_features.hpp"

namespace calofuse::cuda {
namespace {
/// Lanes over the edges of a node. Bound by memory: 4 (D + 3) bytes an edge, positions are cached.
struct EdgeFeatures {
    float const *x, *energy;
    std::int32_t const *edge_ptr, *source;
    float* features;
    std::int64_t dims;
    float least;

    __device__ float logarithm(std::int32_t i) const
    {
        return std::log(energy[i] > least ? energy[i] : least);
    }
    __device__ void operator()(std::int32_t i, int lane) const
    {
        float const own = logarithm(i);
        for (std::int32_t e = edge_ptr[i] + lane; e < edge_ptr[i + 1]; e += kWarp) {
            std::int64_t const j = source[e];
            float* const f = features + e * (dims + 2);
            float squared = 0;
            for (std::int64_t d = 0; d < dims; ++d) {
                float const step = x[j * dims + d] - x[i * dims + d];
                f[d] = step;
                squared += step * step;
            }
            f[dims] = std::sqrt(squared);
            f[dims + 1] = logarithm(source[e]) - own;
        }
    }
};
}  // namespace

void edge_features(Context& ctx, EdgeFeaturesArgs const& args)
{
    each_node_warp(
        ctx, "edge_features", Rows(args.row_ptr, args.x.shape[0]),
        EdgeFeatures{static_cast<float const*>(args.x.data),
                     static_cast<float const*>(args.energy.data),
                     static_cast<std::int32_t const*>(args.edge_ptr.data),
                     static_cast<std::int32_t const*>(args.source.data),
                     static_cast<float*>(args.features.data), args.x.shape[1], args.least_energy});
}
}  // namespace calofuse::cuda
