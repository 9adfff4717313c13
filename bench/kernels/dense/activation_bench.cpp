/// Prediction: forward reads x and writes y (8 bytes an element), backward reads y, dy, dx and
/// writes dx (16 bytes). relu and leaky_relu do nothing else and should run at the rate of a copy
/// (two thirds of it beyond the caches, where memcpy writes past them); exp costs some 15 vector
/// operations for 8 floats, about 2 cycles an element: 10 GB/s at 2.8 GHz with AVX2. gelu_exact
/// takes an exp, a division and a polynomial of degree 9: about 4 cycles an element, 5 GB/s.
#include "bench/support/bench.hpp"
#include "kernels/dense/activation.hpp"

namespace calofuse::bench {
namespace {
void forward(benchmark::State& state, Activation kind)
{
    Context ctx = bench_context();
    auto const x = random_buffer(ctx, state.range(0), 1, -4, 4);
    Buffer<float> const y(ctx, state.range(0));
    timed(state, ctx, [&] {
        activation_forward(ctx, {.x = x.ref(), .kind = kind, .parameter = 0.3F, .y = y.ref()});
    });
    report_bytes(state, 8.0 * static_cast<double>(state.range(0)));
}

void backward(benchmark::State& state, Activation kind)
{
    Context ctx = bench_context();
    auto const saved = random_buffer(ctx, state.range(0), 1, -1, 4);
    auto const dy = random_buffer(ctx, state.range(0), 2);
    Buffer<float> const dx(ctx, state.range(0));
    timed(state, ctx, [&] {
        activation_backward(ctx, {.saved = saved.ref(),
                                  .dy = dy.ref(),
                                  .kind = kind,
                                  .parameter = 0.3F,
                                  .dx = dx.ref()});
    });
    report_bytes(state, 16.0 * static_cast<double>(state.range(0)));
}

constexpr std::int64_t kBatch = 1024 * 9 * 64, kLarge = 1 << 24;
BENCHMARK(copy_reference)->Apply(device_time)->Arg(kBatch)->Arg(kLarge);
BENCHMARK_CAPTURE(forward, leaky_relu, Activation::leaky_relu)
    ->Apply(device_time)
    ->Arg(kBatch)
    ->Arg(kLarge);
BENCHMARK_CAPTURE(forward, elu, Activation::elu)->Apply(device_time)->Arg(kBatch);
BENCHMARK_CAPTURE(forward, tanh, Activation::tanh)->Apply(device_time)->Arg(kBatch);
BENCHMARK_CAPTURE(forward, sigmoid, Activation::sigmoid)->Apply(device_time)->Arg(kBatch);
BENCHMARK_CAPTURE(forward, gelu_tanh, Activation::gelu_tanh)->Apply(device_time)->Arg(kBatch);
BENCHMARK_CAPTURE(forward, gelu_exact, Activation::gelu_exact)->Apply(device_time)->Arg(kBatch);
BENCHMARK_CAPTURE(forward, softplus, Activation::softplus)->Apply(device_time)->Arg(kBatch);
BENCHMARK_CAPTURE(backward, leaky_relu, Activation::leaky_relu)
    ->Apply(device_time)
    ->Arg(kBatch)
    ->Arg(kLarge);
BENCHMARK_CAPTURE(backward, tanh, Activation::tanh)->Apply(device_time)->Arg(kBatch);
BENCHMARK_CAPTURE(backward, gelu_tanh, Activation::gelu_tanh)->Apply(device_time)->Arg(kBatch);
BENCHMARK_CAPTURE(backward, gelu_exact, Activation::gelu_exact)->Apply(device_time)->Arg(kBatch);
}  // namespace
}  // namespace calofuse::bench
