/// \file bench/kernels/dense/linear_bench.cpp
/// Dense layers of the hybrid at batch 1,024 (rows 9,216 where nodes are rows). Counted: 2 N in out
/// FLOP forward, twice that backward. Predicted: 60-75 % of a core's peak where in >= 256; less for
/// 64 inputs, whose sums are stored after 64 steps already.
#include "bench/support/bench.hpp"
#include "kernels/dense/linear.hpp"

namespace calofuse::bench {
namespace {
struct Layer {
    std::int64_t rows, outputs;
    int groups;
    std::int32_t width, centre_width;  ///< of group 4 where there are nine
    std::int64_t columns() const
    {
        return std::int64_t{width} * (groups - 1) + (groups == 9 ? centre_width : width);
    }
};

struct Tensors {
    Context ctx = bench_context();
    Layer layer;
    LinearGroups groups;
    Buffer<float> x, w, b, y, dy, dx, dw, db;

    explicit Tensors(Layer const& l)
        : layer(l)
        , x(random_buffer(ctx, l.rows * l.columns(), 1))
        , w(random_buffer(ctx, l.columns() * l.outputs, 2))
        , b(random_buffer(ctx, l.groups * l.outputs, 3))
        , y(ctx, l.rows * l.groups * l.outputs)
        , dy(random_buffer(ctx, l.rows * l.groups * l.outputs, 4))
        , dx(ctx, l.rows * l.columns())
        , dw(ctx, l.columns() * l.outputs)
        , db(ctx, l.groups * l.outputs)
    {
        groups.count = l.groups;
        for (std::size_t g = 0; g < static_cast<std::size_t>(l.groups); ++g) {
            groups.width[g] = g == 4 ? l.centre_width : l.width;
            groups.set[g] = static_cast<std::int32_t>(g);
        }
    }
    void forward()
    {
        linear_forward(ctx, {.x = x.ref({layer.rows, layer.columns()}),
                             .w = w.ref(),
                             .b = b.ref(),
                             .groups = groups,
                             .y = y.ref({layer.rows, layer.groups * layer.outputs})});
    }
    void backward()
    {
        linear_backward(ctx, {.x = x.ref({layer.rows, layer.columns()}),
                              .w = w.ref(),
                              .dy = dy.ref({layer.rows, layer.groups * layer.outputs}),
                              .groups = groups,
                              .dx = dx.ref({layer.rows, layer.columns()}),
                              .dw = dw.ref(),
                              .db = db.ref()});
    }
};

void linear(benchmark::State& state, bool backward, Layer const& layer)
{
    auto const isa = static_cast<Isa>(state.range(0));
    if (lacks(state, isa)) return;
    ForcedIsa const forced(isa);
    Tensors t(layer);
    timed(state, t.ctx, [&] { backward ? t.backward() : t.forward(); });
    report_flop(state, (backward ? 4.0 : 2.0)
                           * static_cast<double>(layer.rows * layer.columns() * layer.outputs));
}

constexpr Layer kDense0{1024, 128, 9, 256, 576};
constexpr Layer kDense1{1024, 64, 9, 128, 128};
constexpr Layer kNodes{9216, 64, 1, 64, 64};
constexpr Layer kHead{1024, 64, 1, 65, 65};

BENCHMARK_CAPTURE(linear, forward_dense0, false, kDense0)->Apply(by_isa);
BENCHMARK_CAPTURE(linear, forward_dense1, false, kDense1)->Apply(by_isa);
BENCHMARK_CAPTURE(linear, forward_nodes, false, kNodes)->Apply(by_isa);
BENCHMARK_CAPTURE(linear, forward_head, false, kHead)->Apply(by_isa);
BENCHMARK_CAPTURE(linear, backward_dense0, true, kDense0)->Apply(by_isa);
BENCHMARK_CAPTURE(linear, backward_dense1, true, kDense1)->Apply(by_isa);
BENCHMARK_CAPTURE(linear, backward_nodes, true, kNodes)->Apply(by_isa);
BENCHMARK_CAPTURE(linear, backward_head, true, kHead)->Apply(by_isa);
}  // namespace
}  // namespace calofuse::bench
