#include <algorithm>
#include <cmath>

#include "kernels/dense/softmax.hpp"
#include "runtime/parallel.hpp"

namespace calofuse::cpu {
namespace {
constexpr std::int64_t kRows = 64;  // of one work item

void softmax_row(float const* x, std::int64_t channels, SoftmaxKind kind, float* y)
{
    float const highest = *std::max_element(x, x + channels);
    double sum = 0;
    for (std::int64_t c = 0; c < channels; ++c) {
        y[c] = x[c] - highest;
        sum += std::exp(static_cast<double>(y[c]));
    }
    auto const log_sum = std::log(sum);
    for (std::int64_t c = 0; c < channels; ++c) {
        double const value = static_cast<double>(y[c]) - log_sum;
        y[c] = static_cast<float>(kind == SoftmaxKind::softmax ? std::exp(value) : value);
    }
}
}  // namespace

void softmax_forward(Context& ctx, SoftmaxArgs const& args)
{
    auto const x = args.x.view<float const, 2>();
    auto const y = args.y.view<float, 2>();
    std::int64_t const channels = x.shape[1];
    if (channels == 0) return;
    parallel_chunks(
        ctx, x.shape[0], kRows, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
            for (std::int64_t n = begin; n < end; ++n)
                softmax_row(x.data + n * channels, channels, args.kind, y.data + n * channels);
        });
}

void softmax_backward(Context& ctx, SoftmaxGradArgs const& args)
{
    auto const y = args.y.view<float const, 2>(), dy = args.dy.view<float const, 2>();
    auto const dx = args.dx.view<float, 2>();
    std::int64_t const channels = y.shape[1];
    bool const logarithm = args.kind == SoftmaxKind::log_softmax;
    parallel_chunks(
        ctx, y.shape[0], kRows, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
            for (std::int64_t i = begin * channels; i < end * channels; i += channels) {
                double sum = 0;
                for (std::int64_t c = i; c < i + channels; ++c)
                    sum +=
                        static_cast<double>(dy[c]) * (logarithm ? 1.0 : static_cast<double>(y[c]));
                for (std::int64_t c = i; c < i + channels; ++c) {
                    auto const out = static_cast<double>(y[c]), g = static_cast<double>(dy[c]);
                    dx[c] +=
                        static_cast<float>(logarithm ? g - std::exp(out) * sum : out * (g - sum));
                }
            }
        });
}
}  // namespace calofuse::cpu
