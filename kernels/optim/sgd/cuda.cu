#include "kernels/optim/sgd/math.hpp"
#include "kernels/optim/update/update.cuh"

namespace calofuse::cuda {
namespace {
/// Bound by memory: 12 bytes a parameter, 20 with momentum.
struct Rule {
    using Factors = SgdFactors;
    SgdArgs args;
    float const* dw;
    float *w, *m;  ///< m null: no momentum

    __device__ Factors factors() const
    {
        return sgd_factors(args, read_scalar<double>(args.learning_rate));
    }
    __device__ void operator()(Factors const& f, std::int64_t i) const
    {
        if (m == nullptr)
            w[i] = sgd_plain(f, dw[i], w[i]);
        else
            sgd_with_momentum(f, dw[i], w[i], m[i]);
    }
};
}  // namespace

void sgd_update(Context& ctx, SgdArgs const& args)
{
    update_all(ctx, "sgd_update", args.w.size(),
               Rule{args, static_cast<float const*>(args.dw.data), static_cast<float*>(args.w.data),
                    args.momentum > 0 ? static_cast<float*>(args.m.data) : nullptr});
}
}  // namespace calofuse::cuda
