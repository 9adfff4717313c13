/// The first depthwise convolution of quark_gluon, 61 x 61 x 32 to 59 x 59 x 32, 3 x 3 'valid', batches
/// of 32 events: 59 * 59 * 32 * 9 * 2 = 2.0 MFLOP an event and pass (forward, input, weights).
/// Bytes, each tensor once: x 15.2 MB, y 14.3 MB a batch: forward x, y; input dy, dx twice; weights x, dy.
/// Prediction for the CPU: bound by memory at 10 GB/s, 3 ms forward and for the weights (22 GFLOP/s),
/// 4.5 ms for the input.
#include "bench/support/bench.hpp"
#include "kernels/conv/depthwise_conv2d.hpp"

namespace calofuse::bench {
namespace {
constexpr std::int64_t kEvents = 32, kSide = 61, kInner = kSide - 2, kChannels = 32;
constexpr std::int64_t kInput = kEvents * kSide * kSide * kChannels;
constexpr std::int64_t kOutput = kEvents * kInner * kInner * kChannels;
constexpr double kFlop = 18.0 * kOutput;

struct Tensors {
    Context ctx = bench_context();
    Buffer<float> x = random_buffer(ctx, kInput, 1), w = random_buffer(ctx, 9 * kChannels, 2);
    Buffer<float> y = random_buffer(ctx, kOutput, 3), b = random_buffer(ctx, kChannels, 4);
    Buffer<float> dx{ctx, kInput}, dw{ctx, 9 * kChannels};
    Window2d window{valid_axis(3, 1), valid_axis(3, 1)};

    static TensorRef input(Buffer<float> const& t)
    {
        return t.ref({kEvents, kSide, kSide, kChannels});
    }
    static TensorRef kernel(Buffer<float> const& t) { return t.ref({3, 3, kChannels, 1}); }
    TensorRef output() const { return y.ref({kEvents, kInner, kInner, kChannels}); }
};

void forward(benchmark::State& state)
{
    Tensors t;
    timed(state, t.ctx, [&] {
        depthwise_conv2d_forward(t.ctx, {.x = Tensors::input(t.x),
                                         .w = Tensors::kernel(t.w),
                                         .bias = t.b.ref(),
                                         .window = t.window,
                                         .y = t.output()});
    });
    report_bytes(state, 4.0 * (kInput + kOutput));
    report_flop(state, kFlop);
    report_events(state, kEvents);
}

void backward(benchmark::State& state, bool input)
{
    Tensors t;
    timed(state, t.ctx, [&] {
        depthwise_conv2d_backward(t.ctx, {.x = Tensors::input(t.x),
                                          .w = Tensors::kernel(t.w),
                                          .dy = t.output(),
                                          .window = t.window,
                                          .dx = input ? Tensors::input(t.dx) : TensorRef{},
                                          .dw = input ? TensorRef{} : Tensors::kernel(t.dw)});
    });
    report_bytes(state, 4.0 * (kOutput + (input ? 2.0 : 1.0) * kInput));
    report_flop(state, kFlop);
    report_events(state, kEvents);
}

BENCHMARK(copy_reference)->Apply(device_time)->Arg(kInput);
BENCHMARK(forward)->Apply(device_time);
BENCHMARK_CAPTURE(backward, input, true)->Apply(device_time);
BENCHMARK_CAPTURE(backward, weights, false)->Apply(device_time);
}  // namespace
}  // namespace calofuse::bench
