#include "kernels/optim/adamax/math.hpp"
#include "kernels/optim/update/update.cuh"

namespace calofuse::cuda {
namespace {
/// Bound by memory: 28 bytes a parameter.
struct Rule {
    using Factors = AdamaxFactors;
    AdamaxArgs args;
    float const* dw;
    float *w, *m, *u;

    __device__ Factors factors() const
    {
        return adamax_factors(args, read_scalar<double>(args.learning_rate),
                              read_scalar<std::int64_t>(args.step));
    }
    __device__ void operator()(Factors const& f, std::int64_t i) const
    {
        adamax_move(f, dw[i], w[i], m[i], u[i]);
    }
};
}  // namespace

void adamax_update(Context& ctx, AdamaxArgs const& args)
{
    update_all(ctx, "adamax_update", args.w.size(),
               Rule{args, static_cast<float const*>(args.dw.data), static_cast<float*>(args.w.data),
                    static_cast<float*>(args.m.data), static_cast<float*>(args.u.data)});
}
}  // namespace calofuse::cuda
