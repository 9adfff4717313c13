#include "kernels/optim/nadam/math.hpp"
#include "kernels/optim/update/update.cuh"

namespace calofuse::cuda {
namespace {
/// One thread: the schedule is read and written once.
__global__ void __launch_bounds__(1) factors_kernel(NadamArgs args, NadamFactors* out)
{
    *out = nadam_factors(args, read_scalar<double>(args.learning_rate),
                         read_scalar<std::int64_t>(args.step),
                         *static_cast<double*>(args.schedule.data));
}

/// Bound by memory: 28 bytes a parameter.
struct Rule {
    using Factors = NadamFactors;
    NadamFactors const* of_step;
    float const* dw;
    float *w, *m, *v;

    __device__ Factors factors() const { return *of_step; }
    __device__ void operator()(Factors const& f, std::int64_t i) const
    {
        nadam_move(f, dw[i], w[i], m[i], v[i]);
    }
};
}  // namespace

void nadam_update(Context& ctx, NadamArgs const& args)
{
    auto const factors = ctx.scratch<NadamFactors>(1);
    launch(ctx, {"nadam_factors", 1, 1}, factors_kernel, args, factors.data());
    update_all(ctx, "nadam_update", args.w.size(),
               Rule{factors.data(), static_cast<float const*>(args.dw.data),
                    static_cast<float*>(args.w.data), static_cast<float*>(args.m.data),
                    static_cast<float*>(args.v.data)});
}
}  // namespace calofuse::cuda
