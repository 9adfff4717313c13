/// Prediction, of C = 64 channels: forward reads x twice (statistics, then y) and writes y:
/// 12 bytes an element, of which 8 are the least (a fused producer could hand over the statistics).
/// Backward reads x and dy twice, reads and writes dx: 24 bytes, least 16 (x, dy, dx in, dx out).
/// So forward should reach 2/3 and backward 2/3 of the rate of a copy.
#include "bench/support/bench.hpp"
#include "kernels/dense/batch_norm.hpp"

namespace calofuse::bench {
namespace {
constexpr std::int64_t kChannels = 64;

struct Tensors {
    Context ctx = bench_context();
    std::int64_t rows;
    Buffer<float> x, y, dy, gamma, beta, mean, variance, dgamma, dbeta;
    explicit Tensors(std::int64_t elements)
        : rows(elements / kChannels)
        , x(random_buffer(ctx, elements, 1))
        , y(ctx, elements)
        , dy(random_buffer(ctx, elements, 2))
        , gamma(random_buffer(ctx, kChannels, 3))
        , beta(random_buffer(ctx, kChannels, 4))
        , mean(ctx, kChannels)
        , variance(ctx, kChannels)
        , dgamma(ctx, kChannels)
        , dbeta(ctx, kChannels)
    {}
    void forward(Statistics statistics)
    {
        batch_norm_forward(ctx, {.x = x.ref({rows, kChannels}),
                                 .gamma = gamma.ref(),
                                 .beta = beta.ref(),
                                 .statistics = statistics,
                                 .mean = mean.ref(),
                                 .variance = variance.ref(),
                                 .y = y.ref({rows, kChannels})});
    }
};

void forward(benchmark::State& state, Statistics statistics)
{
    Tensors t(state.range(0));
    timed(state, t.ctx, [&] { t.forward(statistics); });
    report_bytes(state, 8.0 * static_cast<double>(state.range(0)));
}

void backward(benchmark::State& state)
{
    Tensors t(state.range(0));
    t.forward(Statistics::batch);
    timed(state, t.ctx, [&] {
        batch_norm_backward(t.ctx, {.x = t.x.ref({t.rows, kChannels}),
                                    .gamma = t.gamma.ref(),
                                    .mean = t.mean.ref(),
                                    .variance = t.variance.ref(),
                                    .dy = t.dy.ref({t.rows, kChannels}),
                                    .dx = t.y.ref({t.rows, kChannels}),
                                    .dgamma = t.dgamma.ref(),
                                    .dbeta = t.dbeta.ref()});
    });
    report_bytes(state, 16.0 * static_cast<double>(state.range(0)));
}

constexpr std::int64_t kBatch = 1024 * 9 * kChannels, kLarge = 1 << 24;
BENCHMARK(copy_reference)->Apply(device_time)->Arg(kBatch)->Arg(kLarge);
BENCHMARK_CAPTURE(forward, batch, Statistics::batch)->Apply(device_time)->Arg(kBatch)->Arg(kLarge);
BENCHMARK_CAPTURE(forward, given, Statistics::given)->Apply(device_time)->Arg(kBatch)->Arg(kLarge);
BENCHMARK(backward)->Apply(device_time)->Arg(kBatch)->Arg(kLarge);
}  // namespace
}  // namespace calofuse::bench
