#include <cmath>

#include "kernels/dense/softmax.hpp"
#include "kernels/device/reduce.cuh"

// A warp a row, sums in double as on the CPU. 8 B an element forward and 16 B backward, which read
// their row twice more from the cache; the double exponentials (40 instructions each, two an element
// forward) take longer than the memory. Rows here are the 2 to 10 classes of a classifier.
namespace calofuse::cuda {
namespace {
constexpr int kThreads = 256;
constexpr int kRowsPerBlock = kThreads / kWarp;

template <SoftmaxKind kKind>
struct Forward {
    float const* x;
    float* y;  ///< may be x
    __device__ void operator()(std::int64_t at, std::int64_t channels, int lane) const
    {
        float highest = -INFINITY;
        for (std::int64_t c = lane; c < channels; c += kWarp)
            highest = x[at + c] > highest ? x[at + c] : highest;
        highest = warp_max(highest);
        double sum = 0;
        for (std::int64_t c = lane; c < channels; c += kWarp)
            sum += std::exp(static_cast<double>(x[at + c] - highest));
        double const log_sum = std::log(warp_sum(sum));
        for (std::int64_t c = lane; c < channels; c += kWarp) {
            double const value = static_cast<double>(x[at + c] - highest) - log_sum;
            y[at + c] = static_cast<float>(kKind == SoftmaxKind::softmax ? std::exp(value) : value);
        }
    }
};

template <SoftmaxKind kKind>
struct Backward {
    float const *y, *dy;
    float* dx;
    __device__ void operator()(std::int64_t at, std::int64_t channels, int lane) const
    {
        constexpr bool kLogarithm = kKind == SoftmaxKind::log_softmax;
        double sum = 0;
        for (std::int64_t c = lane; c < channels; c += kWarp)
            sum += static_cast<double>(dy[at + c])
                   * (kLogarithm ? 1.0 : static_cast<double>(y[at + c]));
        sum = warp_sum(sum);
        for (std::int64_t c = lane; c < channels; c += kWarp) {
            auto const out = static_cast<double>(y[at + c]), g = static_cast<double>(dy[at + c]);
            dx[at + c] +=
                static_cast<float>(kLogarithm ? g - std::exp(out) * sum : out * (g - sum));
        }
    }
};

template <class F>
__global__ void __launch_bounds__(kThreads, 4)
    each_row(std::int64_t rows, std::int64_t channels, F f)
{
    std::int64_t const row = std::int64_t{blockIdx.x} * kRowsPerBlock + warp_index();
    if (row < rows) f(row * channels, channels, lane_index());
}
template <class F>
void run(Context& ctx, char const* name, TensorRef const& x, F const& f)
{
    launch(ctx, {name, blocks_for(x.shape[0], kRowsPerBlock), kThreads}, each_row<F>, x.shape[0],
           x.shape[1], f);
}
}  // namespace

void softmax_forward(Context& ctx, SoftmaxArgs const& args)
{
    float const* const x = args.x.flat<float const>().data;
    float* const y = args.y.flat<float>().data;
    if (args.kind == SoftmaxKind::softmax)
        run(ctx, "softmax_forward", args.x, Forward<SoftmaxKind::softmax>{x, y});
    else
        run(ctx, "log_softmax_forward", args.x, Forward<SoftmaxKind::log_softmax>{x, y});
}

void softmax_backward(Context& ctx, SoftmaxGradArgs const& args)
{
    float const* const y = args.y.flat<float const>().data;
    float const* const dy = args.dy.flat<float const>().data;
    float* const dx = args.dx.flat<float>().data;
    if (args.kind == SoftmaxKind::softmax)
        run(ctx, "softmax_backward", args.y, Backward<SoftmaxKind::softmax>{y, dy, dx});
    else
        run(ctx, "log_softmax_backward", args.y, Backward<SoftmaxKind::log_softmax>{y, dy, dx});
}
}  // namespace calofuse::cuda
