#include "kernels/optim/adam/math.hpp"
#include "kernels/optim/update/update.cuh"

namespace calofuse::cuda {
namespace {
/// Bound by memory: 28 bytes a parameter, 36 with AMSGrad.
struct Rule {
    using Factors = AdamFactors;
    AdamArgs args;
    float const* dw;
    float *w, *m, *v, *vmax;  ///< vmax null: plain Adam

    __device__ Factors factors() const
    {
        return adam_factors(args, read_scalar<double>(args.learning_rate),
                            read_scalar<std::int64_t>(args.step));
    }
    __device__ void operator()(Factors const& f, std::int64_t i) const
    {
        adam_moments(f, dw[i], w[i], m[i], v[i]);
        float u = v[i];
        if (vmax != nullptr) vmax[i] = u = u > vmax[i] ? u : vmax[i];
        w[i] = adam_moved(f, w[i], m[i], u);
    }
};
}  // namespace

void adam_update(Context& ctx, AdamArgs const& args)
{
    update_all(ctx, "adam_update", args.w.size(),
               Rule{args, static_cast<float const*>(args.dw.data), static_cast<float*>(args.w.data),
                    static_cast<float*>(args.m.data), static_cast<float*>(args.v.data),
                    static_cast<float*>(args.vmax.data)});
}
}  // namespace calofuse::cuda
