// Squares are summed in double, the thread that has the sum makes the factor, then the product. Bound
// by memory: 12 bytes an element, 4 where nothing is clipped.
#include <cmath>

#include "kernels/device/device_sum.cuh"
#include "kernels/optim/clip.hpp"

namespace calofuse::cuda {
namespace {
struct Square {
    float const* dw;
    __device__ double operator()(std::int64_t i) const
    {
        auto const g = static_cast<double>(dw[i]);
        return g * g;
    }
};

struct FinishNorm {
    ClipArgs args;
    float* factor;  ///< 1: nothing to do
    __device__ void operator()(double squares) const
    {
        double const norm = std::sqrt(squares);
        *static_cast<float*>(args.norm.data) = static_cast<float>(norm);
        double const ratio = args.max_norm / (args.rule == ClipRule::torch ? norm + 1e-6 : norm);
        *factor = ratio >= 1 ? 1.0F : static_cast<float>(ratio);  // a NaN norm spreads, to be seen
    }
};

struct Scale {
    View<float, 1> dw;
    float const* factor;
    __device__ void operator()(std::int64_t i) const
    {
        float const f = *factor;
        if (f != 1.0F) dw.data[i] *= f;
    }
};
}  // namespace

void clip_by_norm(Context& ctx, ClipArgs const& args)
{
    auto const dw = args.dw.view<float, 1>();
    auto const factor = ctx.scratch<float>(1);
    device_sum(ctx, "clip_norm", dw.size(), Square{dw.data}, FinishNorm{args, factor.data()});
    for_each(ctx, "clip_scale", dw.size(), Scale{dw, factor.data()});
}
}  // namespace calofuse::cuda
