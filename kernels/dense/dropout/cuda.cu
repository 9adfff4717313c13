#include <algorithm>

#include "kernels/dense/dropout.hpp"
#include "kernels/device/launch.cuh"
#include "kernels/math/dropout_mask.hpp"

// One thread a Philox block, that is four elements. 8 B an element forward and 12 B backward; about
// 30 integer instructions an element, which take about as long as the memory.
namespace calofuse::cuda {
namespace {
constexpr int kThreads = 256;

struct Mask {
    std::int64_t const* step;
    std::int64_t of_event;
    std::uint64_t seed;
    std::uint32_t stream, threshold;
    float factor;

    template <class Args>
    Mask(Args const& args, TensorRef const& x)
        : step(args.step.template view<std::int64_t const, 1>().data)
        , of_event(x.size() / std::max<std::int64_t>(1, x.shape[0]))
        , seed(args.seed)
        , stream(args.stream)
        , threshold(dropout_threshold(args.rate))
        , factor(1.0F / (1.0F - args.rate))
    {}
};

struct Write {
    __device__ float operator()(float x, float factor, float /*old*/) const { return x * factor; }
};
struct Add {
    __device__ float operator()(float x, float factor, float old) const { return old + x * factor; }
};

/// y[i] = op(x[i], factor of element first + i, y[i]); y may be x.
template <class Op>
__global__ void __launch_bounds__(kThreads)
    dropout_kernel(Mask mask, std::int64_t count, float const* x, float* y, Op op)
{
    auto const first = static_cast<std::uint64_t>(mask.step[1] * mask.of_event);
    std::uint64_t const block = first / 4 + std::uint64_t{blockIdx.x} * kThreads + threadIdx.x;
    auto const begin = static_cast<std::int64_t>(block * 4 - first);  // -3 at least
    if (begin >= count) return;
    std::uint32_t const kept = dropout_keep4(
        mask.seed, mask.stream, static_cast<std::uint32_t>(mask.step[0]), block, mask.threshold);
    auto const one = [&](float value, int j, float old) {
        return op(value, (kept >> j & 1U) != 0 ? mask.factor : 0.0F, old);
    };
    bool const aligned =
        ((reinterpret_cast<std::uintptr_t>(x) | reinterpret_cast<std::uintptr_t>(y)) & 15U) == 0
        && first % 4 == 0;
    if (aligned && begin + 4 <= count) {
        auto const in = *reinterpret_cast<float4 const*>(x + begin);
        auto* const out = reinterpret_cast<float4*>(y + begin);
        float4 old = {};
        if constexpr (std::is_same_v<Op, Add>) old = *out;
        *out = {one(in.x, 0, old.x), one(in.y, 1, old.y), one(in.z, 2, old.z), one(in.w, 3, old.w)};
        return;
    }
    for (int j = 0; j < 4; ++j) {
        std::int64_t const i = begin + j;
        if (i < 0 || i >= count) continue;
        float old = 0;
        if constexpr (std::is_same_v<Op, Add>) old = y[i];
        y[i] = one(x[i], j, old);
    }
}

template <class Op, class Args>
void run(
    Context& ctx, char const* name, Args const& args, TensorRef const& in, TensorRef const& out)
{
    auto const x = in.flat<float const>();
    if (x.size() == 0) return;
    // elements [first, first + count) touch one Philox block more than count / 4
    launch(ctx, {name, blocks_for((x.size() + 3) / 4 + 1, kThreads), kThreads}, dropout_kernel<Op>,
           Mask(args, in), x.size(), x.data, out.flat<float>().data, Op{});
}
}  // namespace

void dropout_forward(Context& ctx, DropoutArgs const& args)
{
    run<Write>(ctx, "dropout_forward", args, args.x, args.y);
}

void dropout_backward(Context& ctx, DropoutGradArgs const& args)
{
    run<Add>(ctx, "dropout_backward", args, args.dy, args.dx);
}
}  // namespace calofuse::cuda
