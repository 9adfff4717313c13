/// Prediction: Adam reads w, m, v, dw and writes w, m, v (28 bytes an element), SGD with momentum
/// reads w, m, dw and writes w, m (20 bytes). Adam's square root and division take about 10 cycles
/// for 8 floats: both should run at the rate of a copy. 779,457 parameters are the hybrid model.
#include "bench/support/bench.hpp"
#include "kernels/optim/adam.hpp"
#include "kernels/optim/sgd.hpp"

namespace calofuse::bench {
namespace {
struct Tensors {
    Context ctx = bench_context();
    Buffer<float> w, dw, m, v;
    Buffer<double> rate;
    Buffer<std::int64_t> step;
    explicit Tensors(std::int64_t count)
        : w(random_buffer(ctx, count, 1))
        , dw(random_buffer(ctx, count, 2))
        , m(ctx, count)
        , v(ctx, count)
        , rate(ctx, std::vector<double>{1e-3})
        , step(ctx, std::vector<std::int64_t>{100})
    {}
};

void adam(benchmark::State& state, AdamRule rule)
{
    Tensors t(state.range(0));
    timed(state, t.ctx, [&] {
        adam_update(t.ctx, {.dw = t.dw.ref(),
                            .learning_rate = t.rate.ref(),
                            .step = t.step.ref(),
                            .rule = rule,
                            .w = t.w.ref(),
                            .m = t.m.ref(),
                            .v = t.v.ref()});
    });
    report_bytes(state, 28.0 * static_cast<double>(state.range(0)));
}

void sgd(benchmark::State& state)
{
    Tensors t(state.range(0));
    timed(state, t.ctx, [&] {
        sgd_update(t.ctx, {.dw = t.dw.ref(),
                           .learning_rate = t.rate.ref(),
                           .momentum = 0.9,
                           .w = t.w.ref(),
                           .m = t.m.ref()});
    });
    report_bytes(state, 20.0 * static_cast<double>(state.range(0)));
}

constexpr std::int64_t kHybrid = 779'457;
BENCHMARK(copy_reference)->Apply(device_time)->Arg(kHybrid)->Arg(1 << 24);
BENCHMARK_CAPTURE(adam, keras, AdamRule::keras)->Apply(device_time)->Arg(kHybrid)->Arg(1 << 24);
BENCHMARK_CAPTURE(adam, torch, AdamRule::torch)->Apply(device_time)->Arg(kHybrid);
BENCHMARK(sgd)->Apply(device_time)->Arg(kHybrid)->Arg(1 << 24);
}  // namespace
}  // namespace calofuse::bench
