#include <cmath>

#include "kernels/graph/edge_features.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kGraphsPerItem = 32;
}

void edge_features(Context& ctx, EdgeFeaturesArgs const& args)
{
    auto const x = args.x.view<float const, 2>();
    auto const row_ptr = args.row_ptr.view<std::int32_t const, 1>();
    auto const* const energy = static_cast<float const*>(args.energy.data);
    auto const* const edge_ptr = static_cast<std::int32_t const*>(args.edge_ptr.data);
    auto const* const source = static_cast<std::int32_t const*>(args.source.data);
    auto* const features = static_cast<float*>(args.features.data);
    std::int64_t const dims = x.shape[1];
    auto const logarithm = ctx.scratch<float>(x.shape[0]);
    auto const write_edge = [&](std::int32_t i, std::int32_t e) {
        std::int32_t const j = source[e];
        float* const f = features + e * (dims + 2);
        float squared = 0;
        for (std::int64_t d = 0; d < dims; ++d) {
            f[d] = x.data[j * dims + d] - x.data[i * dims + d];
            squared += f[d] * f[d];
        }
        f[dims] = std::sqrt(squared);
        f[dims + 1] = logarithm.data()[j] - logarithm.data()[i];
    };
    parallel_chunks(ctx, row_ptr.shape[0] - 1, kGraphsPerItem,
                    [&](std::int64_t first, std::int64_t last, std::int64_t) {
                        for (std::int32_t i = row_ptr[first]; i < row_ptr[last]; ++i)
                            logarithm.data()[i] = std::log(
                                energy[i] > args.least_energy ? energy[i] : args.least_energy);
                        for (std::int32_t i = row_ptr[first]; i < row_ptr[last]; ++i)
                            for (std::int32_t e = edge_ptr[i]; e < edge_ptr[i + 1]; ++e)
                                write_edge(i, e);
                    });
}
}  // namespace calofuse::cpu
