#include "kernels/dense/activation/math.hpp"
#include "kernels/device/launch.cuh"

namespace calofuse::cuda {
namespace {
template <Activation kKind>
struct Forward {
    View<float const, 1> x;
    View<float, 1> y;
    float p;
    __device__ void operator()(std::int64_t i) const
    {
        y.data[i] = activation<kKind>(x.data[i], p);
    }
};
template <Activation kKind>
struct Backward {
    View<float const, 1> saved, dy;
    View<float, 1> dx;
    float p;
    __device__ void operator()(std::int64_t i) const
    {
        dx.data[i] += dy.data[i] * activation_slope<kKind>(saved.data[i], p);
    }
};
}  // namespace

void activation_forward(Context& ctx, ActivationArgs const& args)
{
    auto const x = args.x.flat<float const>();
    dispatch_activation(args.kind, [&]<Activation kKind> {
        for_each(ctx, "activation_forward", x.size(),
                 Forward<kKind>{x, args.y.flat<float>(), args.parameter});
    });
}

void activation_backward(Context& ctx, ActivationGradArgs const& args)
{
    auto const saved = args.saved.flat<float const>(), dy = args.dy.flat<float const>();
    dispatch_activation(args.kind, [&]<Activation kKind> {
        for_each(ctx, "activation_backward", saved.size(),
                 Backward<kKind>{saved, dy, args.dx.flat<float>(), args.parameter});
    });
}
}  // namespace calofuse::cuda
