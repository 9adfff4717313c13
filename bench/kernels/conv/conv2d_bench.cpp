/// The second convolution of a 7 x 7 module, 64 to 64 channels, 3 x 3 'same': 361 of 441 taps lie
/// inside the image, 361 * 64 * 64 * 2 = 2.96 MFLOP an event forward and twice that backward.
/// Prediction for the plain loops at 2.8 GHz: the sums of two cells by 32 channels stay in eight vector
/// registers, so that a vector of weights serves two multiply-adds: at most 90 GFLOP/s of AVX2, half
/// where windows reach over the border and cells are summed one by one, as on a 7 x 7 image.
/// `images`: the first convolution of quark_gluon, 125 x 125 x 3 to 123 x 123 x 32, 3 x 3 'valid':
/// 123 * 123 * 27 * 32 * 2 = 26.1 MFLOP an event forward and as much for the weights (images want no
/// gradient); 0.19 MB read and 1.94 MB written, 12 FLOP per byte: bound by arithmetic too.
#include <optional>

#include "bench/support/bench.hpp"
#include "kernels/conv/conv2d/cudnn.hpp"
#include "kernels/conv/pool2d.hpp"

namespace calofuse::bench {
namespace {
constexpr std::int64_t kEvents = 32, kSide = 7, kChannels = 64;
constexpr double kFlop = 361.0 * kChannels * kChannels * 2 * kEvents;
constexpr std::int64_t kCells = kEvents * kSide * kSide * kChannels;
constexpr std::int64_t kWeights = 9 * kChannels * kChannels;

struct Images {
    static constexpr std::int64_t kIn = 3, kOut = 32, kWide = 125, kInner = kWide - 2;
    static constexpr double kFlopOfPass = kInner * kInner * 9.0 * kIn * kOut * 2 * kEvents;
    Context ctx = bench_context();
    Buffer<float> x = random_buffer(ctx, kEvents* kWide* kWide* kIn, 1);
    Buffer<float> w = random_buffer(ctx, 9 * kIn * kOut, 2), b = random_buffer(ctx, kOut, 4);
    Buffer<float> y = random_buffer(ctx, kEvents* kInner* kInner* kOut, 3);
    Buffer<float> dw{ctx, 9 * kIn* kOut};
    Window2d window{valid_axis(3, 1), valid_axis(3, 1)};

    TensorRef image() const { return x.ref({kEvents, kWide, kWide, kIn}); }
    TensorRef kernel(Buffer<float> const& t) const { return t.ref({3, 3, kIn, kOut}); }
    TensorRef output() const { return y.ref({kEvents, kInner, kInner, kOut}); }
};

void images_forward(benchmark::State& state)
{
    Images t;
    timed(state, t.ctx, [&] {
        conv2d_forward(t.ctx, {.x = t.image(),
                               .w = t.kernel(t.w),
                               .bias = t.b.ref(),
                               .window = t.window,
                               .y = t.output()});
    });
    report_flop(state, Images::kFlopOfPass);
    report_events(state, kEvents);
}

void images_weights(benchmark::State& state)
{
    Images t;
    timed(state, t.ctx, [&] {
        conv2d_backward(t.ctx, {.x = t.image(),
                                .w = t.kernel(t.w),
                                .dy = t.output(),
                                .window = t.window,
                                .dw = t.kernel(t.dw)});
    });
    report_flop(state, Images::kFlopOfPass);
    report_events(state, kEvents);
}

struct Tensors {
    Context ctx = bench_context();
    Buffer<float> x = random_buffer(ctx, kCells, 1), w = random_buffer(ctx, kWeights, 2);
    Buffer<float> y = random_buffer(ctx, kCells, 3), dx{ctx, kCells}, dw{ctx, kWeights};
    Buffer<float> b = random_buffer(ctx, kChannels, 4);
    Window2d window{same_axis_keras(3, 1, kSide), same_axis_keras(3, 1, kSide)};

    static TensorRef image(Buffer<float> const& t)
    {
        return t.ref({kEvents, kSide, kSide, kChannels});
    }
    static TensorRef kernel(Buffer<float> const& t) { return t.ref({3, 3, kChannels, kChannels}); }
};

/// The convolution of the program, and cuDNN's beside it in the same run.
struct Implementation {
    void (*forward)(Context&, Conv2dArgs const&) = conv2d_forward;
    void (*backward)(Context&, Conv2dGradArgs const&) = conv2d_backward;
};
std::optional<Implementation> cudnn(benchmark::State& state)
{
    std::string reason = "only on CUDA";
    if constexpr (kHasCuda)
        if (on_cuda() && cuda::has_conv2d_library(&reason))
            return Implementation{cuda::conv2d_forward_library, cuda::conv2d_backward_library};
    state.SkipWithError(("not run: " + reason).c_str());
    return std::nullopt;
}

void conv_forward(benchmark::State& state, Implementation const& conv2d)
{
    Tensors t;
    timed(state, t.ctx, [&] {
        conv2d.forward(t.ctx, {.x = Tensors::image(t.x),
                               .w = Tensors::kernel(t.w),
                               .bias = t.b.ref(),
                               .window = t.window,
                               .y = Tensors::image(t.y)});
    });
    report_flop(state, kFlop);
    report_events(state, kEvents);
}
void conv_forward_own(benchmark::State& state)
{
    conv_forward(state, {});
}
void conv_forward_cudnn(benchmark::State& state)
{
    if (auto const library = cudnn(state)) conv_forward(state, *library);
}

void conv_backward(benchmark::State& state, bool input, bool weights, Implementation const& conv2d)
{
    Tensors t;
    timed(state, t.ctx, [&] {
        conv2d.backward(t.ctx, {.x = Tensors::image(t.x),
                                .w = Tensors::kernel(t.w),
                                .dy = Tensors::image(t.y),
                                .window = t.window,
                                .dx = input ? Tensors::image(t.dx) : TensorRef{},
                                .dw = weights ? Tensors::kernel(t.dw) : TensorRef{}});
    });
    report_flop(state, kFlop * (input ? 1 : 0) + kFlop * (weights ? 1 : 0));
    report_events(state, kEvents);
}
void conv_backward_own(benchmark::State& state, bool input, bool weights)
{
    conv_backward(state, input, weights, {});
}
void conv_backward_cudnn(benchmark::State& state, bool input, bool weights)
{
    if (auto const library = cudnn(state)) conv_backward(state, input, weights, *library);
}

void max_pool(benchmark::State& state)
{
    Tensors t;
    Window2d const window{valid_axis(2, 2), valid_axis(2, 2)};
    timed(state, t.ctx, [&] {
        pool2d_forward(
            t.ctx,
            {.x = Tensors::image(t.x), .window = window, .y = t.y.ref({kEvents, 3, 3, kChannels})});
    });
    report_bytes(state, 4.0 * kEvents * kChannels * (36 + 9));
    report_events(state, kEvents);
}

BENCHMARK(copy_reference)->Apply(device_time)->Arg(kCells);
BENCHMARK(conv_forward_own)->Apply(device_time);
BENCHMARK(conv_forward_cudnn)->Apply(device_time);
BENCHMARK_CAPTURE(conv_backward_own, input, true, false)->Apply(device_time);
BENCHMARK_CAPTURE(conv_backward_cudnn, input, true, false)->Apply(device_time);
BENCHMARK_CAPTURE(conv_backward_own, weights, false, true)->Apply(device_time);
BENCHMARK_CAPTURE(conv_backward_cudnn, weights, false, true)->Apply(device_time);
BENCHMARK(images_forward)->Apply(device_time);
BENCHMARK(images_weights)->Apply(device_time);
BENCHMARK(max_pool)->Apply(device_time);
}  // namespace
}  // namespace calofuse::bench
