// Filters between our layout and cuDNN's, and the bias of its outputs. Bound by memory: 8 bytes a value,
// 4 for fill_rows; filters are small beside images.
#include "kernels/conv/conv2d/cudnn.hpp"
#include "kernels/device/launch.cuh"

namespace calofuse::cuda {
namespace {
/// Where (tap, input, output) lies in (O, taps, I).
struct CudnnFilters {
    std::int64_t taps, inputs, outputs;

    __device__ std::int64_t index_of(std::int64_t ours) const
    {
        std::int64_t const output = ours % outputs, input = ours / outputs % inputs;
        return (output * taps + ours / (outputs * inputs)) * inputs + input;
    }
};
template <class T>
CudnnFilters layout_of(View<T, 3> const& w)
{
    return {w.shape[0], w.shape[1], w.shape[2]};
}
}  // namespace

void filters_to_cudnn(Context& ctx, View<float const, 3> w, float* out)
{
    for_each(ctx, "filters_to_cudnn", w.size(),
             [w = w.data, out, at = layout_of(w)] __device__(std::int64_t i) {
                 out[at.index_of(i)] = w[i];
             });
}

void add_filters_from_cudnn(Context& ctx, float const* gradient, View<float, 3> dw)
{
    for_each(ctx, "add_filters_from_cudnn", dw.size(),
             [gradient, dw = dw.data, at = layout_of(dw)] __device__(std::int64_t i) {
                 dw[i] += gradient[at.index_of(i)];
             });
}

void fill_rows(Context& ctx, float const* bias, View<float, 2> y)
{
    for_each(ctx, "fill_rows", y.size(),
             [bias, y = y.data, outputs = y.shape[1]] __device__(std::int64_t i) {
                 y[i] = bias[i % outputs];
             });
}
}  // namespace calofuse::cuda
