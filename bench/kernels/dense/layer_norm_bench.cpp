/// \file bench/kernels/dense/layer_norm_bench.cpp
/// Layer norm, ELU, dropout and shortcut of a GAT block: 128 channels, 25 nodes an event.
/// Prediction, one core with AVX-512 at 2.8 GHz, cycles a row of 8 vectors: forward 80 for the
/// exponentials, 130 for the random words, 60 for the rest: 270, or 2.4 us an event; backward 80 for
/// the exponentials, 120 for the rest: 200, or 1.8 us. Least bytes a row: forward x, shortcut and y,
/// backward x, dy and twice dx and dshortcut. Measured on a loaded machine, 32 events: forward 3.2 us
/// an event, 6.1 with dropout; backward 4.0 and 4.5.

#include "bench/support/bench.hpp"
#include "bench/support/graphs.hpp"
#include "kernels/dense/layer_norm.hpp"

namespace calofuse::bench {
namespace {
constexpr std::int64_t kWidth = 128;

struct Block {
    Context ctx = bench_context();
    Graphs graphs;
    Buffer<std::int32_t> row_ptr;
    Buffer<std::int64_t> step;
    Buffer<float> x, gamma, beta, shortcut, saved, y, dy, dx, dshortcut, dparameter;
    Buffer<std::uint16_t> kept;
    float rate;

    Block(std::int64_t events, float dropout)
        : graphs(random_graphs(events, 1))
        , row_ptr(ctx, std::span<std::int32_t const>(graphs.row_ptr))
        , step(ctx, 2)
        , x(random_buffer(ctx, graphs.nodes() * kWidth, 1))
        , gamma(random_buffer(ctx, kWidth, 2))
        , beta(random_buffer(ctx, kWidth, 3))
        , shortcut(random_buffer(ctx, graphs.nodes() * kWidth, 4))
        , saved(ctx, graphs.nodes() * 2)
        , y(ctx, graphs.nodes() * kWidth)
        , dy(random_buffer(ctx, graphs.nodes() * kWidth, 5))
        , dx(ctx, graphs.nodes() * kWidth)
        , dshortcut(ctx, graphs.nodes() * kWidth)
        , dparameter(ctx, kWidth)
        , kept(ctx, graphs.nodes() * kWidth / 16)
        , rate(dropout)
    {}
    TensorRef rows(Buffer<float> const& b) const { return b.ref({graphs.nodes(), kWidth}); }
    LayerNormOptions options() const
    {
        return {.activation = LayerNormActivation::elu,
                .dropout = {.step = step.ref(), .rate = rate}};
    }
    void forward()
    {
        layer_norm_forward(ctx, {.x = rows(x),
                                 .gamma = gamma.ref(),
                                 .beta = beta.ref(),
                                 .shortcut = rows(shortcut),
                                 .row_ptr = row_ptr.ref(),
                                 .options = options(),
                                 .saved = saved.ref({graphs.nodes(), 2}),
                                 .kept = kept.ref({graphs.nodes(), kWidth / 16}),
                                 .y = rows(y)});
    }
    void backward()
    {
        layer_norm_backward(ctx, {.x = rows(x),
                                  .gamma = gamma.ref(),
                                  .beta = beta.ref(),
                                  .row_ptr = row_ptr.ref(),
                                  .options = options(),
                                  .saved = saved.ref({graphs.nodes(), 2}),
                                  .kept = kept.ref({graphs.nodes(), kWidth / 16}),
                                  .dy = rows(dy),
                                  .dx = rows(dx),
                                  .dgamma = dparameter.ref(),
                                  .dbeta = dparameter.ref(),
                                  .dshortcut = rows(dshortcut)});
    }
};

void layer_norm_forward(benchmark::State& state)
{
    Block block(state.range(0), state.range(1) != 0 ? 0.2F : 0.0F);
    timed(state, block.ctx, [&] { block.forward(); });
    report_events(state, static_cast<double>(block.graphs.events()));
    report_bytes(state, 12.0 * static_cast<double>(block.graphs.nodes() * kWidth));
}

void layer_norm_backward(benchmark::State& state)
{
    Block block(state.range(0), state.range(1) != 0 ? 0.2F : 0.0F);
    block.forward();
    timed(state, block.ctx, [&] { block.backward(); });
    report_events(state, static_cast<double>(block.graphs.events()));
    report_bytes(state, 24.0 * static_cast<double>(block.graphs.nodes() * kWidth));
}
BENCHMARK(layer_norm_forward)->Apply(device_time)->ArgsProduct({{32, 1024}, {0, 1}});
BENCHMARK(layer_norm_backward)->Apply(device_time)->ArgsProduct({{32, 1024}, {0, 1}});
}  // namespace
}  // namespace calofuse::bench
